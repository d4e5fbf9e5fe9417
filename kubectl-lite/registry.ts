import type { Command } from './command.ts';
import { apiResourcesCommand } from './commands/api-resources.ts';
import { applyCommand } from './commands/apply.ts';
import { clusterInfoCommand } from './commands/cluster-info.ts';
import { cordonCommand, uncordonCommand } from './commands/cordon.ts';
import { createCommand } from './commands/create.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { drainCommand } from './commands/drain.ts';
import { execCommand } from './commands/exec.ts';
import { getCommand } from './commands/get.ts';
import { joinCommandCommand } from './commands/join-command.ts';
import { annotateCommand, labelCommand } from './commands/label.ts';
import { logsCommand } from './commands/logs.ts';
import { rebalanceCommand } from './commands/rebalance.ts';
import { rolloutCommand } from './commands/rollout.ts';
import { scaleCommand } from './commands/scale.ts';
import { secretsCommand } from './commands/secrets.ts';
import { tokenCommand } from './commands/token.ts';
import { versionCommand } from './commands/version.ts';
import { waitCommand } from './commands/wait.ts';
import { whatIfCommand } from './commands/what-if.ts';
import { whyCommand } from './commands/why.ts';

/** Every command there is. */
export const commands: readonly Command[] = [
  createCommand,
  getCommand,
  deleteCommand,
  rolloutCommand,
  scaleCommand,
  clusterInfoCommand,
  cordonCommand,
  uncordonCommand,
  drainCommand,
  describeCommand,
  logsCommand,
  execCommand,
  applyCommand,
  waitCommand,
  labelCommand,
  annotateCommand,
  apiResourcesCommand,
  versionCommand,
  secretsCommand,
  tokenCommand,
  joinCommandCommand,
  whyCommand,
  whatIfCommand,
  rebalanceCommand,
];
