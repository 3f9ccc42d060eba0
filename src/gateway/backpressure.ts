/** Receipts go first: accept is held while more than one and a half batches wait to be settled. */
const SETTLE_HOLDS_ACCEPT = 750;
const SETTLE_FREES_ACCEPT = 250;
/** Ten batches: above it the carriers' sessions are not read, their receipts wait with them. */
const SETTLE_HOLDS_CARRIERS = 5_000;

export interface BackpressureDeps {
  /** Receipts that wait to be settled. */
  settleDepth(): number;
  /** These, and receipts of segments and repeated ones that wait to be stored. */
  receiptDepth(): number;
  /** Whether too many receipts wait to be looked up. */
  lookUpsBehind(): boolean;
  holdAccept(hold: boolean): void;
  holdCarriers(hold: boolean): void;
}

/** Who waits for whom when the store is behind: submits for receipts, and carriers for both. */
export class Backpressure {
  readonly #deps: BackpressureDeps;
  #acceptHeld = false;
  #carriersHeld = false;

  constructor(deps: BackpressureDeps) {
    this.#deps = deps;
  }

  /** To be called whenever the settle lane grew or shrank. */
  check(): void {
    const depth = this.#deps.settleDepth();
    const accept = depth > (this.#acceptHeld ? SETTLE_FREES_ACCEPT : SETTLE_HOLDS_ACCEPT);
    if (accept !== this.#acceptHeld) {
      this.#acceptHeld = accept;
      this.#deps.holdAccept(accept);
    }
    const carriers =
      this.#deps.receiptDepth() > SETTLE_HOLDS_CARRIERS || this.#deps.lookUpsBehind();
    if (carriers !== this.#carriersHeld) {
      this.#carriersHeld = carriers;
      this.#deps.holdCarriers(carriers);
    }
  }
}
