import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { bytesQuery } from "../../../api/runs";
import { number, size } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Scroll } from "../../../ui/Scroll";
import type { Reference } from "./bytes";
import { pictureType } from "./images";
import { PictureView } from "./PictureView";

const BYTES = "application/octet-stream";
const LARGEST = 8_000_000; // bytes of a picture that is shown
const ROWS = 200;
const PICTURES = 12;

/** A result that is bytes: how much, where to get it, and the picture that it is, if it is one. */
export function BytesView({ address, bytes, name }: { address: string; bytes: number; name: string }) {
  return (
    <div className="stack">
      <p className="row">
        <span>
          {t("results.bytes", { size: size(bytes) })} <code className="faint">{BYTES}</code>
        </span>
        <a className="button small" href={address} download={`${name}.bin`}>
          <Icon name="download" />
          {t("results.download_bytes")}
        </a>
      </p>
      <Preview address={address} bytes={bytes} name={name} />
    </div>
  );
}

/** The results of subtasks that are bytes, one a row, each to be had by its index. */
export function BytesList({
  parts,
  addressOf,
  name,
  onFailed,
}: {
  parts: readonly (Reference | null)[];
  addressOf: (index: number) => string;
  name: string;
  onFailed: (index: number) => void;
}) {
  const pictures = parts.flatMap((part, index) => (part ? [{ ...part, index }] : [])).slice(0, PICTURES);
  return (
    <div className="stack">
      <p>
        {t("results.bytes_list", {
          count: parts.length,
          size: size(parts.reduce((sum, part) => sum + (part?.size ?? 0), 0)),
        })}
      </p>
      <Scroll label={t("results.table_of", { name })}>
        <table className="fine">
          <thead>
            <tr>
              <th className="number">{t("task.index")}</th>
              <th className="number">{t("results.size")}</th>
              <th>{t("results.media_type")}</th>
              <th>
                <span className="hidden">{t("results.download_bytes")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {parts.slice(0, ROWS).map((part, index) => (
              <tr key={index}>
                <td className="number">{number(index)}</td>
                <td className="number">{part ? size(part.size) : "–"}</td>
                <td>
                  {part ? (
                    <code>{part.media_type}</code>
                  ) : (
                    <button type="button" className="link" onClick={() => onFailed(index)}>
                      {t("results.part_failed")}
                    </button>
                  )}
                </td>
                <td>
                  {part && (
                    <a
                      className="button small"
                      href={addressOf(index)}
                      download={`${name}-${index}.bin`}
                      aria-label={t("results.download_part", { index: number(index) })}
                    >
                      <Icon name="download" />
                    </a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {parts.length > ROWS && (
        <p className="fine faint">{t("results.first_parts", { shown: ROWS, count: parts.length })}</p>
      )}
      <div className="pictures">
        {pictures.map((part) => (
          <Preview key={part.index} address={addressOf(part.index)} bytes={part.size} name={`${name}-${part.index}`} />
        ))}
      </div>
    </div>
  );
}

function Preview({ address, bytes, name }: { address: string; bytes: number; name: string }) {
  const found = useQuery({
    ...bytesQuery(address, (begin) => pictureType(begin) !== null),
    enabled: bytes > 0 && bytes <= LARGEST,
  });
  const picture = useMemo(() => {
    const type = found.data && pictureType(found.data);
    return found.data && type ? { type, bytes: found.data } : null;
  }, [found.data]);
  return picture && <PictureView picture={picture} name={name} />;
}
