import { expect, test } from 'vitest';
import { Outline } from '../describe/outline.ts';
import { evaluateTemplate } from './jsonpath.ts';
import { align, layOut } from './table.ts';

const list = {
  items: [
    {
      metadata: { name: 'a', labels: { 'x.y/z': 'v' } },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    },
    { metadata: { name: 'b' }, ports: [1, 2, 3] },
  ],
};

test.each([
  ['{.items[*].metadata.name}', 'a b'],
  ["{.items[0].metadata.labels['x\\.y/z']}", 'v'],
  ['{range .items[*]}{.metadata.name}{"\\n"}{end}', 'a\nb\n'],
  ['{.items[?(@.metadata.name=="b")].ports[-1]}', '3'],
  ['{.items[0].status.conditions[?(@.type=="Ready")].status}', 'True'],
  ['{..name}', 'a b'],
  ['{.items[1].ports[0:2]}', '1 2'],
  ['{.items[1].ports}', '[1,2,3]'],
  ['{.nothing}', ''],
])('%s selects %j', (template, expected) => {
  expect(evaluateTemplate(template, list)).toBe(expected);
});

test('columns are three spaces apart, and wide ones only shown when asked for', () => {
  const table = {
    columns: [
      { name: 'Name', priority: 0 },
      { name: 'IP', priority: 1 },
      { name: 'Age', priority: 0 },
    ],
    rows: [{ cells: ['a-long-name', '10.0.0.1', '5s'], object: undefined }],
  };
  const layout = {
    wide: false,
    headers: true,
    withNamespace: false,
    withLabels: false,
    labelColumns: [],
    namePrefix: 'pod/',
  };
  expect(align(layOut(table, layout))).toBe('NAME              AGE\npod/a-long-name   5s\n');
  expect(align(layOut(table, { ...layout, wide: true, headers: false }))).toBe(
    'pod/a-long-name   10.0.0.1   5s\n',
  );
});

test('an outline aligns values that follow one another, and begins anew after a heading', () => {
  const outline = new Outline()
    .field('Name', 'x')
    .field('Namespace', 'y')
    .heading('Below')
    .field('A', ['1', '2'], 1);
  expect(outline.text).toBe('Name:       x\nNamespace:  y\nBelow:\n  A:  1\n      2\n');
});
