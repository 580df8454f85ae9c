import { useEffect, useState } from "react";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Problem } from "../../../ui/states";
import { type Picture, readPnm } from "./images";

const ENDINGS: Record<Picture["type"], string> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/svg+xml": "svg",
  "image/x-portable-anymap": "png",
};

/** A picture as an image and nothing else: what lies in it cannot act as a page. */
export function PictureView({ picture, name }: { picture: Picture; name: string }) {
  const [address, setAddress] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let [made, gone]: [string | null, boolean] = [null, false];
    viewable(picture).then(
      (blob) => {
        if (!gone) setAddress((made = URL.createObjectURL(blob)));
      },
      (problem: unknown) => !gone && setError(problem),
    );
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [picture]);
  if (error !== null) return <Problem error={error} />;
  return (
    <figure className="picture">
      {address ? <img src={address} alt={t("results.picture_of", { name })} /> : <div className="picture-place" />}
      {address && (
        <figcaption>
          <a href={address} download={`${name}.${ENDINGS[picture.type]}`} className="button small">
            <Icon name="download" />
            {t("results.picture")}
          </a>
        </figcaption>
      )}
    </figure>
  );
}

/** The picture in a form that browsers know. */
async function viewable({ type, bytes }: Picture): Promise<Blob> {
  if (type !== "image/x-portable-anymap") return new Blob([bytes], { type });
  const { width, height, data } = readPnm(bytes);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large")))),
  );
}
