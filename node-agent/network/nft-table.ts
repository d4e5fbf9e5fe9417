import type { KernelCommands } from './kernel-commands.ts';

/**
 * The kernel's handle of a table: another one, or none, means that somebody has taken ours away. Cheap, where a
 * comparison of 10,000 services would cost half a second.
 */
export async function tableHandle(commands: KernelCommands, name: string): Promise<number | undefined> {
  const text = await commands.run(['nft', '-j', '-a', 'list', 'tables', 'ip']);
  const { nftables } = JSON.parse(text) as {
    readonly nftables: readonly { readonly table?: { readonly name: string; readonly handle: number } }[];
  };
  return nftables.find((entry) => entry.table?.name === name)?.table?.handle;
}

/** One transaction: all of `text` or nothing. */
export async function applyNft(commands: KernelCommands, text: string): Promise<void> {
  await commands.run(['nft', '-f', '-'], text);
}
