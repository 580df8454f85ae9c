/** What is bounded for each owner, as the service names it. `stored_bytes` in bytes, all others count things. */
export const QUOTAS = ["workflows", "runs", "queued", "leased", "stored_bytes"] as const;
export type QuotaName = (typeof QUOTAS)[number];
/** By name what is `used` and what is `allowed`; null is no limit. */
export type Quotas = Record<string, Record<string, number | null>>;
