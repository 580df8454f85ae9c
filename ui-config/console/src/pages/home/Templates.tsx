import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { may, useMe } from "../../api/me";
import { type Template, templatesQuery, useStartRun, useTemplate } from "../../api/workflows";
import { known, t } from "../../text/text";
import { Icon, type IconName } from "../../ui/Icon";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";

const ICONS: Record<string, IconName> = {
  "approved-release": "signal",
  "csv-summary": "file",
  mandelbrot: "sun",
  "mersenne-factors": "search",
  "monte-carlo-pi": "dot",
  "parameter-sweep": "split",
  "word-count": "language",
};

/** Workflows to begin with: run as they are, or opened to be changed. */
export function Templates() {
  const me = useMe();
  const templates = useQuery(templatesQuery);
  return (
    <section className="stack" aria-labelledby="templates-name">
      <div id="templates" className="head">
        <h2 id="templates-name">{t("home.templates")}</h2>
        {may.make(me) && (
          <Link href="/workflows/new" className="button">
            <Icon name="add" />
            {t("home.empty")}
          </Link>
        )}
      </div>
      <p className="faint">{may.make(me) ? t("home.templates_hint") : t("home.templates_viewer")}</p>
      {templates.data ? (
        <div className="cards">
          {templates.data.map((template) => (
            <TemplateCard key={template.name} template={template} />
          ))}
        </div>
      ) : templates.isError ? (
        <Problem error={templates.error} again={() => void templates.refetch()} />
      ) : (
        <Loading />
      )}
    </section>
  );
}

function TemplateCard({ template }: { template: Template }) {
  const me = useMe();
  const [, go] = useLocation();
  const make = useTemplate();
  const start = useStartRun();
  const [error, setError] = useState<unknown>(null);
  const busy = make.isPending || start.isPending;
  const title = `template.${template.name}.title`;
  const does = `template.${template.name}.does`;
  const name = known(title) ? t(title) : template.name;
  async function run() {
    setError(null);
    try {
      const workflow = await make.mutateAsync(template.name);
      const begun = await start.mutateAsync({ id: workflow.id });
      tell(t("workflow.started", { name }));
      go(`/runs/${begun.id}`);
    } catch (problem) {
      setError(problem);
    }
  }
  return (
    <article className="card template" aria-label={name}>
      <h3 className="row">
        <Icon name={ICONS[template.name] ?? "workflow"} size={18} />
        {name}
      </h3>
      <p>{known(does) ? t(does) : template.description}</p>
      <p className="fine faint">
        {t("home.template_tasks", { count: Object.keys(template.kinds).length })} {template.tags.join(", ")}
      </p>
      {error !== null && <Problem error={error} />}
      {may.make(me) && (
        <div className="row foot">
          <button type="button" className="primary" disabled={busy} onClick={() => void run()}>
            <Icon name="play" />
            {busy ? t("home.starting") : t("home.try")}
            <span className="hidden"> {name}</span>
          </button>
          <Link href={`/workflows/new?template=${encodeURIComponent(template.name)}`} className="button">
            {t("home.open")}
            <span className="hidden"> {name}</span>
          </Link>
        </div>
      )}
    </article>
  );
}
