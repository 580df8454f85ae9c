/** One server-sent event as it travels. A frame with an id and no data only says where the stream is. */
export interface Frame {
  id: string | null;
  type: string;
  data: string | null;
}

/** Returns what cuts a stream of server-sent events into frames, wherever the network has cut it. */
export function frameReader(): (piece: string) => Frame[] {
  let rest = "";
  return (piece) => {
    const whole = (rest + piece).split(/\r?\n\r?\n/);
    rest = whole.pop()!;
    return whole.map(frameOf);
  };
}

function frameOf(text: string): Frame {
  const frame: Frame = { id: null, type: "", data: null };
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue; // a comment, or nothing that we know
    const value = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "id") frame.id = value;
    else if (field === "event") frame.type = value;
    else if (field === "data") frame.data = frame.data === null ? value : `${frame.data}\n${value}`;
  }
  return frame;
}
