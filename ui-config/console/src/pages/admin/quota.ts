import type { Schemas } from "../../api/client";
import { QUOTAS, type QuotaName } from "../../api/quotas";
import { pointed } from "../../text/format";

/** A limit as a form has it: as the role says, none, or a number (of stored bytes: in GB). */
export interface Limit {
  way: "role" | "none" | "own";
  amount: string;
}

export type Limits = Record<QuotaName, Limit>;

const GIGA = 1_000_000_000;

export function limitsOf(quota: Record<string, number | null>): Limits {
  const limit = (name: QuotaName): Limit => {
    if (!(name in quota)) return { way: "role", amount: "" };
    const value = quota[name];
    if (value === null || value === undefined) return { way: "none", amount: "" };
    return { way: "own", amount: String(name === "stored_bytes" ? value / GIGA : value) };
  };
  return Object.fromEntries(QUOTAS.map((name) => [name, limit(name)])) as Limits;
}

/** What the limits are in the service's words; null if an amount is no number of things. */
export function quotaOf(limits: Limits): Schemas["OwnQuota"] | null {
  const quota: Schemas["OwnQuota"] = {};
  for (const name of QUOTAS) {
    const { way, amount } = limits[name];
    if (way === "none") quota[name] = null;
    if (way !== "own") continue;
    const value = Number(pointed(amount)) * (name === "stored_bytes" ? GIGA : 1);
    if (amount.trim() === "" || !(value >= 0) || (name !== "stored_bytes" && !Number.isInteger(value))) return null;
    quota[name] = Math.round(value);
  }
  return quota;
}
