import type { Command } from 'commander';
import { addCarrierCommand } from './carrier-cli.ts';
import { addCustomerCommand } from './customer-cli.ts';

/**
 * Adds `simulate carrier` and `simulate customer` to the program. Each runs
 * until its end or until SIGINT or SIGTERM. Their actions reject when they
 * failed: a port in use, a refused bind, a message not accepted or without receipt.
 */
export function addSimulateCommands(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('a carrier or a customer to try things on, built on npm smpp');
  addCarrierCommand(simulate);
  addCustomerCommand(simulate);
}
