import type { Said } from "../text/said";

/** Why the service refused, as RFC 9457 tells it; `errors` name each fault by its JSON Pointer. */
export interface Fault extends Said {
  pointer: string;
}

export class ProblemError extends Error implements Said {
  readonly status: number;
  readonly type: string;
  /** What happened, in the service's words; `code` and `values` are what it can be told by in others. */
  readonly detail: string;
  readonly code: string | null;
  readonly values: Readonly<Record<string, unknown>>;
  readonly faults: readonly Fault[];
  readonly requestId: string | null;
  /** Seconds to wait before the next try, if the service said so. */
  readonly retryAfter: number | null;

  constructor(status: number, body: unknown, headers: Headers) {
    const told = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
    super(
      typeof told.detail === "string" ? told.detail : typeof told.title === "string" ? told.title : `HTTP ${status}`,
    );
    this.name = "ProblemError";
    this.status = status;
    this.type = typeof told.type === "string" ? told.type : "";
    this.detail = this.message;
    this.code = typeof told.code === "string" ? told.code : null;
    this.values =
      typeof told.values === "object" && told.values !== null ? (told.values as Record<string, unknown>) : {};
    this.faults = Array.isArray(told.errors) ? (told.errors as Fault[]) : [];
    this.requestId = headers.get("x-request-id");
    const wait = Number(headers.get("retry-after"));
    this.retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  }
}

/** The service did not answer at all. */
export class AwayError extends Error {
  constructor(cause: unknown) {
    super("the service did not answer", { cause });
    this.name = "AwayError";
  }
}
