import { infiniteQueryOptions, queryOptions, useMutation } from "@tanstack/react-query";
import { api, call, data, type Schemas } from "./client";
import type { operations } from "./schema";
import { queries } from "./queries";

export type Workflow = Schemas["WorkflowView"];
export type ListedWorkflow = Schemas["ListedWorkflow"];
export type Version = Schemas["VersionView"];
export type WholeVersion = Schemas["OneVersionView"];
export type Difference = Schemas["Difference"];
export type Template = Schemas["TemplateView"];
export type WholeTemplate = Schemas["OneTemplateView"];
/** What a run of a spec would begin with. */
export type Plan = Schemas["Validated"];
export type Start = Omit<Schemas["StartRequest"], "deadline" | "on_conflict" | "id" | "parameters"> & {
  parameters?: Record<string, unknown>;
  /** As "6h", or seconds. */
  deadline?: string | number | null;
};
/** A spec as the text of a YAML or JSON file, and the SHA-256 of each file by its name. */
export interface Content {
  spec: string;
  files: Record<string, string>;
}
export type WorkflowFilter = Omit<NonNullable<operations["listWorkflows"]["parameters"]["query"]>, "page_token">;
export type ExportFormat = "yaml" | "json" | "wfformat";

const of = (id: string) => ({ params: { path: { workflow_id: id } } });

/** The workflows that a filter lets through, page by page: `data.pages.flatMap((page) => page.workflows)`. */
export const workflowsQuery = (filter: WorkflowFilter = {}) =>
  infiniteQueryOptions({
    queryKey: ["workflows", "list", filter],
    queryFn: ({ pageParam, signal }) =>
      data(api.GET("/v1/workflows", { params: { query: { ...filter, page_token: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

/** One workflow as it is now, with its spec and files. */
export const workflowQuery = (id: string) =>
  queryOptions({
    queryKey: ["workflows", id],
    queryFn: ({ signal }) => data(api.GET("/v1/workflows/{workflow_id}", { ...of(id), signal })),
  });

/** Its versions, newest first, page by page. */
export const versionsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ["workflows", id, "versions"],
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/v1/workflows/{workflow_id}/versions", {
          params: { path: { workflow_id: id }, query: { page_token: pageParam } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_page_token,
  });

/** One version with the text that it came in as. A version never changes. */
export const versionQuery = (id: string, version: number) =>
  queryOptions({
    queryKey: ["workflows", id, "versions", version],
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/workflows/{workflow_id}/versions/{version}", {
          params: { path: { workflow_id: id, version } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What changed between two versions. */
export const differenceQuery = (id: string, before: number, after: number) =>
  queryOptions({
    queryKey: ["workflows", id, "difference", before, after],
    queryFn: ({ signal }) =>
      data(
        api.GET("/v1/workflows/{workflow_id}/versions/{before}/diff/{after}", {
          params: { path: { workflow_id: id, before, after } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** The text of a version as YAML: as it was written, or made of its JSON. The newest unless it is named. */
export const yamlQuery = (id: string, version?: number) =>
  queryOptions({
    queryKey: ["workflows", id, "yaml", version ?? "newest"],
    queryFn: async ({ signal }) =>
      (await call(`${location.origin}${exportHref(id, "yaml", version)}`, { signal })).text(),
    staleTime: version === undefined ? undefined : Number.POSITIVE_INFINITY,
  });

/** Where a version can be downloaded as a file: for a link with `download`. */
export function exportHref(id: string, format: ExportFormat, version?: number): string {
  const query = new URLSearchParams({ format, ...(version === undefined ? {} : { version: String(version) }) });
  return `/v1/workflows/${encodeURIComponent(id)}/export?${query}`;
}

/** The workflows that ship with the project. They change with the program alone. */
export const templatesQuery = queryOptions({
  queryKey: ["templates"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/templates", { signal }))).templates,
  staleTime: 60 * 60 * 1000,
});

export const templateQuery = (name: string) =>
  queryOptions({
    queryKey: ["templates", name],
    queryFn: ({ signal }) => data(api.GET("/v1/templates/{name}", { params: { path: { name } }, signal })),
    staleTime: 60 * 60 * 1000,
  });

/** Check a text; refused with every problem (a ProblemError of status 422), else told what a run would do. */
export function validate(
  content: { spec: unknown; files: Record<string, string> },
  signal?: AbortSignal,
): Promise<Plan> {
  return data(api.POST("/v1/workflows:validate", { body: content as Content, signal })); // any spec may be checked
}

/** Take over what the service answered about a workflow, and look again at what shows workflows. */
function learned(workflow: Workflow): Promise<void> {
  queries.setQueryData(workflowQuery(workflow.id).queryKey, workflow);
  return queries.invalidateQueries({ queryKey: ["workflows"], predicate: (query) => query.queryKey.length > 2 });
}

/** Make a workflow. `key` lets the same call be repeated after a lost answer without a second workflow. */
export function useCreateWorkflow() {
  return useMutation({
    mutationFn: ({ key, ...body }: Content & { key?: string }) =>
      data(
        api.POST("/v1/workflows", {
          body: { ...body, on_conflict: "reject" },
          headers: key === undefined ? {} : { "Idempotency-Key": key },
        }),
      ),
    onSuccess: learned,
  });
}

/** Put new content in the place of version `version`; a ProblemError of status 412 says that it is another by now. */
export function useEditWorkflow(id: string) {
  return useMutation({
    mutationFn: ({ version, ...body }: Content & { version: number }) =>
      data(
        api.PUT("/v1/workflows/{workflow_id}", {
          params: { path: { workflow_id: id }, header: { "if-match": `"${version}"` } },
          body,
        }),
      ),
    onSuccess: learned,
  });
}

/** Make a workflow of a document: YAML or JSON of ours, or WfFormat. */
export function useImportWorkflow() {
  return useMutation({
    mutationFn: (body: { document: string; files?: Record<string, string>; scale?: number; commands?: boolean }) =>
      data(
        api.POST("/v1/workflows:import", {
          body: { on_conflict: "reject", files: {}, scale: 1, commands: false, ...body },
        }),
      ),
    onSuccess: learned,
  });
}

/** Make a workflow of one's own of a template, its files with it. */
export function useTemplate() {
  return useMutation({
    mutationFn: (name: string) =>
      data(api.POST("/v1/templates/{name}:use", { params: { path: { name } }, body: null })),
    onSuccess: learned,
  });
}

export function useCloneWorkflow() {
  return useMutation({
    mutationFn: ({ id, name }: { id: string; name?: string }) =>
      data(
        api.POST("/v1/workflows/{workflow_id}:clone", {
          ...of(id),
          body: { name: name ?? null, on_conflict: "reject" },
        }),
      ),
    onSuccess: learned,
  });
}

export function useTagWorkflow(id: string) {
  return useMutation({
    mutationFn: async ({ add, remove }: { add?: string[]; remove?: string[] }) => {
      let workflow: Workflow | null = null;
      if (remove?.length)
        workflow = await data(api.POST("/v1/workflows/{workflow_id}:untag", { ...of(id), body: { tags: remove } }));
      if (add?.length)
        workflow = await data(api.POST("/v1/workflows/{workflow_id}:tag", { ...of(id), body: { tags: add } }));
      return workflow;
    },
    onSuccess: (workflow) => (workflow ? learned(workflow) : undefined),
  });
}

export function useArchiveWorkflow() {
  return useMutation({
    mutationFn: ({ id, archived }: { id: string; archived: boolean }) =>
      data(
        archived
          ? api.POST("/v1/workflows/{workflow_id}:archive", of(id))
          : api.POST("/v1/workflows/{workflow_id}:unarchive", of(id)),
      ),
    onSuccess: learned,
  });
}

/** Delete a workflow with its versions and schedules; refused with 409 while runs of it are under way. */
export function useDeleteWorkflow() {
  return useMutation({
    mutationFn: (id: string) => api.DELETE("/v1/workflows/{workflow_id}", of(id)),
    onSuccess: (_, id) => {
      queries.removeQueries({ queryKey: ["workflows", id] });
      return queries.invalidateQueries({ queryKey: ["workflows", "list"] });
    },
  });
}

/** Let people read a workflow and its runs, or no longer; "*" is everybody who is signed in. */
export function useShareWorkflow(id: string) {
  return useMutation({
    mutationFn: async ({ add, remove }: { add?: string[]; remove?: string[] }) => {
      if (remove?.length) await api.POST("/v1/workflows/{workflow_id}:unshare", { ...of(id), body: { with: remove } });
      if (add?.length) await api.POST("/v1/workflows/{workflow_id}:share", { ...of(id), body: { with: add } });
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["workflows"] }),
  });
}

/** Start a run of the workflow as it is now. `key` lets the same call be repeated without a second run. */
export function useStartRun() {
  return useMutation({
    mutationFn: ({ id, key, ...body }: Start & { id: string; key?: string }) =>
      data(
        api.POST("/v1/workflows/{workflow_id}/runs", {
          ...of(id),
          // the document says seconds, the service reads "6h" too
          body: { parameters: {}, on_conflict: "reject", ...body } as Schemas["StartRequest"],
          headers: key === undefined ? {} : { "Idempotency-Key": key },
        }),
      ),
    onSuccess: (run) => {
      void queries.invalidateQueries({ queryKey: ["runs", "list"] });
      return queries.invalidateQueries({ queryKey: ["workflows", run.workflow_id], exact: true });
    },
  });
}
