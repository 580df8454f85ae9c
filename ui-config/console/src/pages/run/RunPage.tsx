import { Loading } from "../../ui/states";

export default function RunPage({ id, tab }: { id: string; tab?: string }) {
  return <div className="page" data-id={id} data-tab={tab}><Loading /></div>;
}
