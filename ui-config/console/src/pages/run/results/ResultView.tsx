import { isExact } from "../../../api/exact";
import { t } from "../../../text/text";
import { DataTable } from "./DataTable";
import { PictureView } from "./PictureView";
import { pretty, type Shape } from "./shapes";
import { exact, plain } from "./written";

/** A result as what it is: a number, a text, a table, pictures, or parts of these. */
export function ResultView({ shape, name }: { shape: Shape; name: string }) {
  switch (shape.is) {
    case "nothing":
      return <p className="faint">{t("results.nothing")}</p>;
    case "number":
      return <p className={isExact(shape.value) ? "mono long" : "big-number"}>{exact(shape.value)}</p>;
    case "yes-no":
      return <p className="big-number">{t(shape.value ? "results.yes" : "results.no")}</p>;
    case "text":
      if (shape.value === "") return <p className="faint">{t("results.empty_text")}</p>;
      return (
        <pre tabIndex={0} className="long">
          {shape.value}
        </pre>
      );
    case "image":
      return <PictureView picture={shape.picture} name={name} />;
    case "images":
      return (
        <div className="pictures">
          {shape.pictures.map((picture, at) => (
            <PictureView key={at} picture={picture} name={`${name}-${at}`} />
          ))}
        </div>
      );
    case "table":
      return <DataTable table={shape.table} name={name} />;
    case "facts":
      return (
        <div className="stack">
          {shape.facts.length > 0 && (
            <dl className="facts">
              {shape.facts.map(([key, value]) => [
                <dt key={`${key} name`}>{key || t("results.unnamed")}</dt>,
                <dd key={key}>{plain(value)}</dd>,
              ])}
            </dl>
          )}
          {shape.parts.map(([key, part]) => (
            <section key={key} className="stack" aria-label={key}>
              <h3>{key || t("results.unnamed")}</h3>
              <ResultView shape={part} name={`${name}-${key}`} />
            </section>
          ))}
        </div>
      );
    case "other":
      return (
        <pre tabIndex={0} className="long">
          {pretty(shape.value)}
        </pre>
      );
  }
}
