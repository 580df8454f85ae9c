/**
 * The record's own value under a name. People may choose names that every object has, such as "constructor".
 */
export function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
