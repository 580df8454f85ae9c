import { Loading } from "../../ui/states";

export default function VolunteerPage({ id }: { id: string }) {
  return <div className="page" data-id={id}><Loading /></div>;
}
