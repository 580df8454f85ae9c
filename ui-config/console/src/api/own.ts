/**
 * What a record itself has under a name. Names that people choose, such as "constructor", may be those of what every object has.
 */
export function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
