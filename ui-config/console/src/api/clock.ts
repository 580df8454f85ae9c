/**
 * The service's clock, by the header `Date` of its answers: browsers' clocks may be wrong by minutes or years, and what
 * happened at the service is told by its own.
 */

/** Tells by how much another clock is ahead of this one, in ms: each answer narrows it down. */
export class Skew {
  private low = -Infinity;
  private high = Infinity;

  /** Learn from a request at `sent` and its answer at `received`, dated by the other clock in whole seconds. In ms. */
  learn(dated: number, sent: number, received: number): void {
    const [low, high] = [dated - received, dated + 1000 - sent];
    this.low = Math.max(this.low, low);
    this.high = Math.min(this.high, high);
    if (this.low > this.high) [this.low, this.high] = [low, high]; // a clock was set meanwhile
  }

  /** As little as what is known allows, so that clocks that agree are not told apart; 0 before anything is known. */
  get ahead(): number {
    return Math.min(Math.max(0, this.low), this.high);
  }
}

const skew = new Skew();

/** Learn from an answer of the service, asked for at `sent` (ms of this clock). */
export function learnFrom(answer: Response, sent: number): void {
  const dated = Date.parse(answer.headers.get("date") ?? "");
  if (!Number.isNaN(dated)) skew.learn(dated, sent, Date.now());
}

/** What the service's clock says now, in ms. */
export function serviceNow(): number {
  return Date.now() + skew.ahead;
}
