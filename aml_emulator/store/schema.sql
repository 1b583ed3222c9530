-- Everything that the emulator remembers. Columns are what is asked for; a JSON column keeps a document
-- as the SDK sent it, so that it is answered back unchanged. Times are UTC, ISO 8601, with milliseconds.

create table settings (
    name text primary key,
    value text not null
);

create table workspaces (
    id text primary key,                -- the SDK's caches are keyed by it: new with every new state
    subscription text not null collate nocase,
    resource_group text not null collate nocase,
    name text not null collate nocase,
    created text not null,
    unique (subscription, resource_group, name)
);

create table computes (
    workspace text not null references workspaces (id),
    name text not null collate nocase,
    created text not null,
    document text not null,             -- JSON, as the SDK created it
    primary key (workspace, name)
);

create table datastores (
    workspace text not null references workspaces (id),
    name text not null collate nocase,
    container text not null,
    is_default integer not null default 0,
    created text not null,
    primary key (workspace, name)
);

create table environments (
    workspace text not null references workspaces (id),
    name text not null,
    version text not null,
    number integer not null,            -- order of registration: the latest version is the highest
    created text not null,
    document text not null,
    primary key (workspace, name, version)
);

create table experiments (
    id text primary key,
    workspace text not null references workspaces (id),
    name text not null,
    created text not null,
    document text not null,
    unique (workspace, name)
);

create table runs (
    id text not null,
    workspace text not null references workspaces (id),
    experiment text not null references experiments (id),
    parent text,
    root text not null,
    number integer not null,
    type text not null,                 -- azureml.PipelineRun, azureml.StepRun, azureml.scriptrun …
    status text not null,               -- NotStarted, Queued, Running, Completed, Failed, Canceled
    created text not null,
    started text,
    ended text,
    error text,                         -- JSON
    tags text not null,                 -- JSON
    properties text not null,           -- JSON
    document text not null,             -- JSON, all other fields that a client may set: name, target …
    primary key (workspace, id)
);
create index runs_by_parent on runs (workspace, parent);
create index runs_by_experiment on runs (experiment, number);

create table run_warnings (
    workspace text not null,
    run text not null,
    source text,
    message text not null,
    created text not null
);

create table metrics (
    sequence integer primary key autoincrement,
    workspace text not null,
    run text not null,
    name text not null,
    columns text not null,              -- JSON, column name to type
    properties text not null,           -- JSON
    value text not null                 -- JSON, the rows of one batch
);
create index metrics_by_run on metrics (workspace, run, name);

create table artifacts (
    workspace text not null,
    origin text not null,               -- ExperimentRun, LocalUpload …
    container text not null,            -- for a run: dcid.<run id>
    path text not null,
    blob_container text not null,
    blob text not null,
    created text not null,
    primary key (workspace, origin, container, path)
);

create table snapshots (
    id text primary key,
    workspace text not null,
    parent text,
    created text not null,
    tree text not null                  -- JSON, the directory tree with the hash of each file
);

create table snapshot_files (
    snapshot text not null references snapshots (id),
    path text not null,
    hash text not null,
    blob_container text not null,
    blob text not null,
    primary key (snapshot, path)
);

create table data_types (
    workspace text not null,
    id text not null,
    document text not null,
    primary key (workspace, id)
);

create table modules (
    id text primary key,
    workspace text not null,
    identifier_hash text,
    created text not null,
    document text not null
);
create index modules_by_hash on modules (workspace, identifier_hash);

create table data_sources (
    id text primary key,
    workspace text not null,
    identifier_hash text,
    created text not null,
    document text not null
);

create table graphs (
    id text primary key,
    workspace text not null,
    document text not null,
    interface text not null
);

create table pipelines (
    id text primary key,
    workspace text not null,
    name text not null,
    version text,
    status text not null,               -- Active or Disabled
    graph text not null references graphs (id),
    created text not null,
    modified text not null,
    document text not null
);

create table pipeline_endpoints (
    id text primary key,
    workspace text not null,
    name text not null,
    description text,
    default_version text not null,
    status text not null,
    created text not null,
    modified text not null,
    properties text not null,
    unique (workspace, name)
);

create table pipeline_endpoint_versions (
    endpoint text not null references pipeline_endpoints (id),
    version text not null,
    pipeline text not null references pipelines (id),
    primary key (endpoint, version)
);

create table schedules (
    id text primary key,
    workspace text not null,
    pipeline text,
    endpoint text,
    status text not null,               -- Active or Disabled
    created text not null,
    modified text not null,
    document text not null
);

create table pipeline_runs (
    id text primary key,
    workspace text not null,
    graph text not null references graphs (id),
    pipeline text,
    status text not null,               -- NotStarted, Running, Failed, Finished, Canceled
    cancel_requested integer not null default 0,
    created text not null,
    ended text,
    document text not null              -- JSON, parameter assignments and what else was submitted
);

create table pipeline_nodes (
    pipeline_run text not null references pipeline_runs (id),
    node text not null,
    run text,                           -- the step run, once there is one
    status text not null,               -- NotStarted, Queued, Running, Failed, Finished, Canceled, Bypassed
    created text not null,
    started text,
    ended text,
    reuse_key text,                     -- what decides whether its result is reused; null: never
    reused_run text,
    outputs text not null,              -- JSON, output name to datastore and path
    primary key (pipeline_run, node)
);
create index pipeline_nodes_by_key on pipeline_nodes (reuse_key, status);
create index pipeline_nodes_by_run on pipeline_nodes (run);

create table saved_datasets (
    id text primary key,
    workspace text not null,
    type text not null,                 -- file or tabular
    definition text not null,           -- YAML of the rslex engine
    dataflow text not null,             -- JSON, as the SDK sent it
    properties text not null,
    content_hash text not null,
    created text not null
);
create index saved_datasets_by_hash on saved_datasets (workspace, content_hash);

create table datasets (
    id text primary key,
    workspace text not null,
    name text not null,
    created text not null,
    unique (workspace, name)
);

create table dataset_versions (
    dataset text not null references datasets (id),
    version integer not null,
    saved text not null references saved_datasets (id),
    description text,
    tags text not null,
    created text not null,
    primary key (dataset, version)
);

create table assets (
    id text primary key,
    workspace text not null,
    run text,
    created text not null,
    document text not null
);

create table models (
    workspace text not null,
    name text not null,
    version integer not null,
    run text,
    tags text not null,
    properties text not null,
    created text not null,
    modified text not null,
    document text not null,
    primary key (workspace, name, version)
);

create table model_versions_used (
    workspace text not null,
    name text not null,
    version integer not null,           -- the highest ever given: a deleted version does not come back
    primary key (workspace, name)
);
