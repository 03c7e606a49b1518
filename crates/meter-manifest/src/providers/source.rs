//! What a provider's file says.

use super::{Host, PathPattern, Unmatched, host};
use crate::layers::Layer;
use crate::table::{At, Document, Table};
use globset::{Glob, GlobMatcher};
use meter_call::{Billing, EndpointClass};
use meter_diag::{Place, codes::files, codes::providers as codes, nearest};
use std::collections::BTreeMap;

/// Keys that may list what a placeholder of the same name in `hosts` stands for.
const PLACEHOLDERS: &[&str] = &["region", "location", "resource", "tenant"];

/// Hosts one file may expand to; more is a mistake, and every one is a name in a certificate.
const HOSTS_MAX: usize = 512;

/// A text and where it was written.
pub(crate) type Placed = (String, Place);

/// One file, checked by itself.
#[derive(Debug)]
pub(crate) struct ProviderSource<'d, 'f> {
    pub id: Placed,
    pub name: String,
    /// Has no hosts: only others extend or mount it.
    pub template: bool,
    pub hosts: Vec<(Host, Place)>,
    pub ports: Vec<u16>,
    pub provider: Option<String>,
    pub prices: Option<Placed>,
    pub billing: Option<Billing>,
    pub free_when: Option<Placed>,
    pub unmatched: Option<Unmatched>,
    pub extends: Option<Placed>,
    pub path_prefix: Vec<Placed>,
    pub overrides: Option<Table<'d, 'f>>,
    pub endpoints: Vec<EndpointSource>,
    pub mounts: Vec<MountSource>,
}

#[derive(Clone, Debug)]
pub(crate) struct EndpointSource {
    pub id: Placed,
    pub methods: Vec<String>,
    pub paths: Vec<(PathPattern, Place)>,
    pub upgrade: Option<String>,
    pub captures: Vec<(Placed, GlobMatcher)>,
    pub class: EndpointClass,
    pub kind: String,
    pub dialect: Option<Placed>,
    pub stream: Option<(bool, Place)>,
    pub settles: bool,
    pub billing: Option<Billing>,
    pub free_when: Option<Placed>,
    pub provider: Option<String>,
    pub prices: Option<Placed>,
}

#[derive(Clone, Debug)]
pub(crate) struct MountSource {
    pub provider: Placed,
    pub path_prefix: Vec<Placed>,
}

/// Reads a file; what is wrong goes into the document. `None` when it has no usable id.
pub(crate) fn read<'d, 'f>(doc: &'d Document<'f>, layer: Layer) -> Option<ProviderSource<'d, 'f>> {
    let root = doc.root();
    if !root.schema() {
        return None;
    }
    let id = root.need_text("id").filter(|id| is_id(&root, id));
    let name = root.text("name").map(|name| name.value.to_owned());
    let broad = root.bool("broad");
    if let Some(broad) = broad.filter(|at| at.value && layer == Layer::Bundled) {
        root.report(codes::BROAD_HOST, broad.span, "`broad` stands in a user's own file only");
    }
    let template = root.flag("template");
    let hosts = match (template, root.key("hosts")) {
        (true, None) => Vec::new(),
        (true, Some(key)) => {
            root.report(files::BAD_VALUE, key, "a template has no hosts: the files that extend it name theirs");
            Vec::new()
        }
        (false, _) => hosts(&root, broad.is_some_and(|at| at.value)),
    };
    let source = ProviderSource {
        name: name.or_else(|| id.map(|id| id.value.to_owned())).unwrap_or_default(),
        template,
        hosts,
        ports: ports(&root),
        provider: root.text("provider").filter(|at| is_id(&root, at)).map(|at| at.value.to_owned()),
        prices: placed(doc, root.text("prices")),
        billing: billing(&root),
        free_when: placed(doc, root.text("free_when")),
        unmatched: root
            .word("unmatched", &[("observed", Unmatched::Observed), ("ignore", Unmatched::Ignore)])
            .map(|at| at.value),
        extends: placed(doc, root.text("extends")),
        path_prefix: prefixes(&root),
        overrides: root.table("dialect_overrides"),
        endpoints: endpoints(&root),
        mounts: root.tables("mount").into_iter().filter_map(mount).collect(),
        id: (id.map(|id| id.value.to_owned()).unwrap_or_default(), doc.place(id.map(|id| id.span).unwrap_or_default())),
    };
    if let (None, Some(prefix)) = (&source.extends, root.key("path_prefix")) {
        root.report(codes::PREFIX_ALONE, prefix, "`path_prefix` without `extends`");
    }
    if source.endpoints.is_empty() && source.extends.is_none() && source.mounts.is_empty() && !root.has("endpoint") {
        root.report(codes::NO_ENDPOINTS, id.map(|id| id.span).unwrap_or_default(), "the provider has no endpoint");
    }
    root.finish();
    id.map(|_| source)
}

/// Ids are words: they stand in rows, file names and expressions.
pub(crate) fn is_id(table: &Table<'_, '_>, id: &At<&str>) -> bool {
    let word = !id.value.is_empty()
        && id.value.len() <= 64
        && id.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if !word {
        table.report(files::BAD_VALUE, id.span, format!("`{}` is no id: use a-z, 0-9, `_`, `-`, at most 64", id.value));
    }
    word
}

fn placed(doc: &Document<'_>, text: Option<At<&str>>) -> Option<Placed> {
    text.map(|at| (at.value.to_owned(), doc.place(at.span)))
}

fn billing(table: &Table<'_, '_>) -> Option<Billing> {
    table.word("billing", &[("api", Billing::Api), ("plan", Billing::Plan)]).map(|at| at.value)
}

fn ports(root: &Table<'_, '_>) -> Vec<u16> {
    let Some(value) = root.value("ports") else { return vec![443] };
    let listed = value.as_list().unwrap_or_else(|| vec![value]);
    let ports: Vec<u16> = listed.iter().filter_map(|port| u16::try_from(port.integer(1..=65535)?.value).ok()).collect();
    if listed.is_empty() {
        root.report(files::BAD_VALUE, value.span, "`ports` is empty, so nothing would be metered");
    }
    ports
}

fn hosts(root: &Table<'_, '_>, broad: bool) -> Vec<(Host, Place)> {
    let lists: BTreeMap<&str, Vec<&str>> = PLACEHOLDERS
        .iter()
        .filter_map(|name| Some((*name, root.value(name)?.texts().iter().map(|at| at.value).collect())))
        .collect();
    let mut hosts = Vec::new();
    let Some(written) = root.need("hosts") else { return hosts };
    let listed = written.texts();
    if listed.is_empty() && written.as_list().is_some_and(|list| list.is_empty()) {
        root.report(files::BAD_VALUE, written.span, "`hosts` is empty, so nothing would be metered");
    }
    for at in listed {
        for host in expanded(root, at, &lists) {
            if let Some(fault) = host::fault(&host.name) {
                root.doc().report_with_help(codes::BAD_HOST, at.span, format!("`{}` is no host", host.name), fault);
            } else if host::is_shared(&host.name) && !broad {
                let message = format!("`{}` belongs to many: every host below it could be opened", host.name);
                let help = "name the host itself, or say `broad = true` in a file of your own";
                root.doc().report_with_help(codes::BROAD_HOST, at.span, message, help);
            } else if hosts.len() >= HOSTS_MAX {
                root.report(codes::BAD_HOST, at.span, format!("more than {HOSTS_MAX} hosts in one file"));
                return hosts;
            } else {
                hosts.push((host, root.doc().place(at.span)));
            }
        }
    }
    hosts
}

/// One host for each combination of what its placeholders stand for; empty when one of them stands for nothing.
fn expanded(root: &Table<'_, '_>, at: At<&str>, lists: &BTreeMap<&str, Vec<&str>>) -> Vec<Host> {
    let mut done = Vec::new();
    let mut open = vec![Host { name: at.value.to_owned(), written: at.value.to_owned(), captures: BTreeMap::new() }];
    while let Some(host) = open.pop() {
        let name = host.name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
        let Some(name) = name else {
            done.push(host);
            continue;
        };
        let Some(values) = lists.get(name) else {
            unlisted(root, at, name);
            return Vec::new();
        };
        // A value that brings placeholders of its own would never end.
        for value in values.iter().rev().filter(|value| !value.contains('{')) {
            let mut captures = host.captures.clone();
            captures.insert(name.to_owned(), (*value).to_owned());
            let full = host.name.replace(&format!("{{{name}}}"), value);
            open.push(Host { name: full, written: host.written.clone(), captures });
        }
        if done.len() > HOSTS_MAX || open.len() > HOSTS_MAX {
            break;
        }
    }
    done
}

fn unlisted(root: &Table<'_, '_>, at: At<&str>, name: &str) {
    let help = match nearest(name, PLACEHOLDERS.iter().copied()) {
        Some(same) if same == name => format!("add `{name} = [\"…\"]`"),
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("placeholders are {}", PLACEHOLDERS.join(", ")),
    };
    let offset = at.value.find('{').map_or(0, |offset| offset + 1);
    let span = at.span.within(offset, name.len() + 2);
    root.doc().report_with_help(
        codes::NO_PLACEHOLDER_LIST,
        span,
        format!("nothing says what `{{{name}}}` stands for"),
        help,
    );
}

fn prefixes(table: &Table<'_, '_>) -> Vec<Placed> {
    let prefix = |at: At<&str>| {
        let trimmed = at.value.trim_end_matches('/');
        if !trimmed.is_empty()
            && let Err(bad) = PathPattern::parse(trimmed)
        {
            table.report(codes::BAD_PATH, at.span.within(1 + bad.offset, bad.len), bad.message);
            return None;
        }
        Some((trimmed.to_owned(), table.doc().place(at.span)))
    };
    table.texts("path_prefix").into_iter().filter_map(prefix).collect()
}

fn mount(table: Table<'_, '_>) -> Option<MountSource> {
    let provider = placed(table.doc(), table.need_text("provider"));
    let path_prefix = prefixes(&table);
    table.finish();
    Some(MountSource { provider: provider?, path_prefix })
}

fn endpoints(root: &Table<'_, '_>) -> Vec<EndpointSource> {
    let mut endpoints: Vec<EndpointSource> = Vec::new();
    for endpoint in root.tables("endpoint").into_iter().filter_map(endpoint) {
        if let Some(first) = endpoints.iter().find(|first| first.id.0 == endpoint.id.0) {
            let message = format!("a second endpoint `{}`", endpoint.id.0);
            let finding = meter_diag::Diagnostic::new(files::DUPLICATE_ID, endpoint.id.1.clone(), message);
            root.doc().push(finding.other(first.id.1.clone(), "the first"));
        }
        endpoints.push(endpoint);
    }
    endpoints
}

fn endpoint(table: Table<'_, '_>) -> Option<EndpointSource> {
    let doc = table.doc();
    let id = table.need_text("id").filter(|id| is_id(&table, id));
    let classes: Vec<(&str, EndpointClass)> = EndpointClass::ALL.iter().map(|class| (class.as_str(), *class)).collect();
    if !table.has("class") {
        table.report(files::MISSING_KEY, table.span, "`class` is missing");
    }
    let class = table.word("class", &classes);
    let kind = table.text("kind").filter(|kind| is_id(&table, kind));
    let dialect = table.text("dialect");
    let settles = table.bool("settles");
    let mut source = EndpointSource {
        id: placed(doc, id).unwrap_or_else(|| (String::new(), doc.place(table.span))),
        methods: Vec::new(),
        paths: Vec::new(),
        upgrade: None,
        captures: Vec::new(),
        class: class.map_or(EndpointClass::Observed, |at| at.value),
        kind: kind.map_or("other", |kind| kind.value).to_owned(),
        dialect: placed(doc, dialect),
        stream: table.bool("stream").map(|at| (at.value, doc.place(at.span))),
        settles: settles.is_some_and(|at| at.value),
        billing: billing(&table),
        free_when: placed(doc, table.text("free_when")),
        provider: table.text("provider").filter(|at| is_id(&table, at)).map(|at| at.value.to_owned()),
        prices: placed(doc, table.text("prices")),
    };
    if let Some(matched) = table.need("match").and_then(|value| value.table()) {
        read_match(matched, &mut source);
    }
    let costed = class.filter(|class| class.value == EndpointClass::Costed);
    if let Some(class) = costed {
        if dialect.is_none() && !table.has("dialect") {
            table.report(codes::DIALECT_MISSING, class.span, "a costed endpoint needs a `dialect`");
        }
        if kind.is_none() && !table.has("kind") {
            table.report(files::MISSING_KEY, table.span, "a costed endpoint needs a `kind`");
        }
        if let Some(settles) = settles.filter(|at| at.value) {
            table.report(codes::SETTLES_COSTED, settles.span, "an endpoint that settles is `observed`");
        }
    }
    let usable = id.is_some() && class.is_some() && !source.paths.is_empty();
    table.finish();
    usable.then_some(source)
}

fn read_match(table: Table<'_, '_>, source: &mut EndpointSource) {
    let doc = table.doc();
    for method in table.texts("method") {
        if method.value.is_empty() || !method.value.bytes().all(|b| b.is_ascii_uppercase()) {
            table.report(
                files::BAD_VALUE,
                method.span,
                format!("`{}` is no method: write `GET`, `POST`, …", method.value),
            );
        } else {
            source.methods.push(method.value.to_owned());
        }
    }
    if table.need("path").is_some() {
        for path in table.texts("path") {
            match PathPattern::parse(path.value) {
                Ok(pattern) => source.paths.push((pattern, doc.place(path.span))),
                Err(bad) => table.report(codes::BAD_PATH, path.span.within(1 + bad.offset, bad.len), bad.message),
            }
        }
    }
    source.upgrade = table.word("upgrade", &[("websocket", "websocket")]).map(|at| at.value.to_owned());
    if let Some(captures) = table.table("capture") {
        for (name, value) in captures.entries() {
            let Some(glob) = value.text() else { continue };
            match Glob::new(glob.value) {
                Ok(compiled) => {
                    source.captures.push(((name.value.to_owned(), doc.place(name.span)), compiled.compile_matcher()));
                }
                Err(error) => table.report(files::BAD_VALUE, glob.span, format!("no glob: {}", error.kind())),
            }
        }
    }
    table.finish();
}
