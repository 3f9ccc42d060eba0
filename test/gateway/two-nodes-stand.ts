import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources, type TestResources } from './resources.ts';
import { ScriptedCarrier } from './scripted-carrier.ts';

/** Two nodes on one database, a carrier that each is bound to, and the customers of a test file. */
export class TwoNodes {
  readonly carrier: ScriptedCarrier;
  readonly gateway: TestGateway;
  /** Started when the first was up. */
  readonly beside: TestGateway;
  readonly #open: Esme[] = [];

  /**
   * @param given what there is beside the carrier `main`
   * @param prefix of the numbers that go there: by default all
   */
  static async open(given: Omit<TestResources, 'carriers'>, prefix = ''): Promise<TwoNodes> {
    const carrier = await ScriptedCarrier.listen();
    const carriers = { main: { port: carrier.port, prefix } };
    const gateway = await TestGateway.start(resources({ ...given, carriers }));
    return new TwoNodes(carrier, gateway, await gateway.beside());
  }

  private constructor(carrier: ScriptedCarrier, gateway: TestGateway, beside: TestGateway) {
    this.carrier = carrier;
    this.gateway = gateway;
    this.beside = beside;
  }

  /** A transceiver of a system_id, at the first node unless said. */
  async bind(systemId: string, at = this.gateway): Promise<Esme> {
    const esme = await Esme.bind(at.port, { systemId });
    this.#open.push(esme);
    return esme;
  }

  async close(): Promise<void> {
    for (const esme of this.#open) await esme.close();
    await this.beside.close();
    await this.gateway.close();
    await this.carrier.down();
  }
}
