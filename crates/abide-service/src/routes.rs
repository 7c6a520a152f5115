//! The table of routes: what is asked where, and how it is described. `/openapi.json` is made from the same rows.

use abide_journal::Right;
use futures::future::LocalBoxFuture;
use hyper::Method;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    access::Caller,
    ask::{Answer, Ask, MediaType},
    endpoints::{
        aside, authz, check, filter, gpc, health, hooks, in_force, links, openapi as openapi_endpoint, push,
        reload, rules, signals, unsubscribe,
    },
    problem::{Kind, Problem, ProblemBody},
    worker::Worker,
};

type Endpoint = for<'w> fn(&'w Worker, Ask) -> LocalBoxFuture<'w, Result<Answer, Problem>>;

pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// May end in one parameter.
    pub(crate) path: &'static str,
    /// One of these is needed; none for everybody.
    pub(crate) rights: &'static [Right],
    pub(crate) endpoint: Endpoint,
    summary: &'static str,
    describe: fn(&mut Schemas) -> Described,
}

/// What may be left out differs between what is read and what is written.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

/// What goes in and what comes out.
#[derive(Default)]
struct Described {
    parameters: Vec<Value>,
    request: Option<Value>,
    answers: Value,
}

/// Gateways ask with the method of the original, or with one of their own.
const ANY: &str = "*";

pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "POST",
        path: "/v1/check",
        rights: &[Right::Check],
        endpoint: check::check,
        summary: "May this be done to this person?",
        describe: |schemas| Described {
            request: Some(request_of::<check::CheckRequest<'static>>(schemas)),
            answers: json!({ "200": answer_of::<check::CheckAnswer>(schemas, "The verdict") }),
            ..Described::default()
        },
    },
    Route {
        method: "POST",
        path: "/v1/filter",
        rights: &[Right::Check],
        endpoint: filter::filter,
        summary: "Which of these people may this be done to? As NDJSON or an Arrow stream, each line or row is a subject and the rest stands in the query.",
        describe: |schemas| {
            let mut request = request_of::<filter::FilterRequest<'static>>(schemas);
            request["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            let binary = json!({ "schema": { "type": "string", "format": "binary" } });
            request[MediaType::Arrow.as_str()] = binary.clone();
            let mut answer =
                answer_of::<filter::FilterAnswer>(schemas, "The verdicts, in the order of the subjects");
            answer["content"]["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            answer["content"][MediaType::Arrow.as_str()] = binary;
            Described {
                parameters: filter_parameters(),
                request: Some(request),
                answers: json!({ "200": answer }),
            }
        },
    },
    Route {
        method: "POST",
        path: "/v1/signals",
        rights: &[Right::SignalsOut, Right::SignalsIn],
        endpoint: signals::signals,
        summary: "Somebody said no, or yes again. Answered when it is durable and in force on this node.",
        describe: |schemas| {
            let mut request = request_of::<signals::SignalsRequest>(schemas);
            request["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            Described {
                parameters: vec![json!({
                    "name": "Idempotency-Key", "in": "header", "required": false,
                    "description": "A request that comes again with the same key gets the answer of the first.",
                    "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
                })],
                request: Some(request),
                answers: json!({ "200": answer_of::<signals::SignalsAnswer>(schemas, "They are durable") }),
            }
        },
    },
    Route {
        method: "GET",
        path: "/v1/in-force/{token}",
        rights: &[Right::SignalsOut, Right::SignalsIn, Right::Check],
        endpoint: in_force::in_force,
        summary: "Where is an accepted signal in force, and since when?",
        describe: |schemas| Described {
            parameters: vec![json!({
                "name": "token", "in": "path", "required": true,
                "schema": { "type": "string", "pattern": "^[a-z0-9_-]{1,128}:[1-9][0-9]{0,18}$" },
            })],
            answers: json!({ "200": answer_of::<in_force::InForceAnswer>(schemas, "Where it is in force") }),
            ..Described::default()
        },
    },
    Route {
        method: ANY,
        path: "/v1/authz/nginx",
        rights: &[Right::Check],
        endpoint: authz::nginx,
        summary: "May the request that nginx asks about pass? It is named by X-Original-Method and X-Original-URI.",
        describe: |_| Described {
            parameters: gateway_headers(["x-original-method", "x-original-uri"]),
            answers: json!({ "200": plain("It may pass") }),
            ..Described::default()
        },
    },
    Route {
        method: ANY,
        path: "/v1/authz/forward",
        rights: &[Right::Check],
        endpoint: authz::forward,
        summary: "May the request that Caddy or Traefik asks about pass? It is named by X-Forwarded-Method and X-Forwarded-Uri.",
        describe: |_| Described {
            parameters: gateway_headers(["x-forwarded-method", "x-forwarded-uri"]),
            answers: json!({ "200": plain("It may pass") }),
            ..Described::default()
        },
    },
    Route {
        method: ANY,
        path: "/v1/authz/envoy/{path}",
        rights: &[Right::Check],
        endpoint: authz::envoy,
        summary: "May the request that Envoy asks about pass? Method, path (of any depth) and body are those of the original.",
        describe: |_| Described {
            parameters: vec![
                json!({ "name": "path", "in": "path", "required": true, "schema": { "type": "string" } }),
            ],
            answers: json!({ "200": plain("It may pass") }),
            ..Described::default()
        },
    },
    Route {
        method: ANY,
        path: "/v1/hooks/{name}",
        rights: &[],
        endpoint: hooks::hooks,
        summary: "What vendors post, signed in the way of each. The name is that of an account of [[serve.hooks]].",
        describe: |schemas| Described {
            parameters: vec![
                json!({ "name": "name", "in": "path", "required": true, "schema": { "type": "string" } }),
            ],
            answers: json!({ "200": answer_of::<hooks::HookAnswer>(schemas, "It was taken in") }),
            ..Described::default()
        },
    },
    Route {
        method: "POST",
        path: "/v1/unsubscribe-links",
        rights: &[Right::SignalsOut],
        endpoint: links::links,
        summary: "Links for mails, by which whoever gets them unsubscribes (RFC 8058). One, or many.",
        describe: |schemas| Described {
            request: Some(request_of::<links::LinksRequest>(schemas)),
            answers: json!({ "200": answer_of::<links::LinksAnswer>(schemas, "The links") }),
            ..Described::default()
        },
    },
    Route {
        method: "GET",
        path: "/u/{link}",
        rights: &[],
        endpoint: unsubscribe::look,
        summary: "The page that a mail's link shows to a person. Looking changes nothing.",
        describe: |_| Described {
            parameters: vec![link_parameter()],
            answers: json!({ "200": html("A form, without script") }),
            ..Described::default()
        },
    },
    Route {
        method: "POST",
        path: "/u/{link}",
        rights: &[],
        endpoint: unsubscribe::act,
        summary: "Unsubscribes, from a mailbox (RFC 8058) or from the page's form. Answered when it is durable.",
        describe: |_| Described {
            parameters: vec![link_parameter()],
            request: Some(unsubscribe_forms()),
            answers: json!({ "200": html("It is recorded") }),
        },
    },
    Route {
        method: "GET",
        path: "/v1/hook-events",
        rights: &[Right::Admin],
        endpoint: aside::aside,
        summary: "Which events of webhooks does nobody know the meaning of?",
        describe: |schemas| Described {
            answers: json!({ "200": answer_of::<aside::AsideAnswer>(schemas, "Names and counts") }),
            ..Described::default()
        },
    },
    Route {
        method: "GET",
        path: "/v1/rules",
        rights: &[Right::Rules],
        endpoint: rules::rules,
        summary: "Which ruleset is in force here, and which versions does the store keep?",
        describe: |schemas| Described {
            answers: json!({ "200": answer_of::<rules::RulesAnswer>(schemas, "The versions") }),
            ..Described::default()
        },
    },
    Route {
        method: "POST",
        path: "/v1/reload",
        rights: &[Right::Admin],
        endpoint: reload::reload,
        summary: "Reads settings, secrets and certificates anew, as SIGHUP does.",
        describe: |_| Described {
            answers: json!({ "200": plain("They are read; which of those that changed count at the next start only") }),
            ..Described::default()
        },
    },
    Route {
        method: "GET",
        path: "/.well-known/gpc.json",
        rights: &[],
        endpoint: gpc::gpc,
        summary: "Whoever runs this server abides by Global Privacy Control.",
        describe: |_| Described { answers: json!({ "200": plain("They do") }), ..Described::default() },
    },
    Route {
        method: "GET",
        path: "/healthz",
        rights: &[],
        endpoint: health::healthz,
        summary: "Does the process answer?",
        describe: |_| Described { answers: json!({ "200": plain("It does") }), ..Described::default() },
    },
    Route {
        method: "GET",
        path: "/readyz",
        rights: &[],
        endpoint: health::readyz,
        summary: "Is the list complete?",
        describe: |_| Described { answers: json!({ "200": plain("It is") }), ..Described::default() },
    },
    Route {
        method: "GET",
        path: "/openapi.json",
        rights: &[],
        endpoint: openapi_endpoint::openapi,
        summary: "This description.",
        describe: |_| Described { answers: json!({ "200": plain("OpenAPI 3.1") }), ..Described::default() },
    },
];

/// What nodes ask of each other: no part of what clients may rely on, and not described to them.
const BETWEEN_NODES: &[Route] = &[Route {
    method: "GET",
    path: "/v1/push",
    rights: &[Right::Follow],
    endpoint: push::push,
    summary: "How far the journals lead, line by line.",
    describe: |_| Described::default(),
}];

/// The route of a request, or why there is none.
pub(crate) fn find(method: &Method, path: &str) -> Result<&'static Route, Problem> {
    let mut of_path = ROUTES.iter().chain(BETWEEN_NODES).filter(|route| route.is_at(path));
    let Some(first) = of_path.next() else {
        return Err(Problem::new(Kind::NotFound, "see /openapi.json for what there is"));
    };
    // No path has more than two.
    let second = of_path.next();
    // Whoever asks for the head alone gets that of GET; the HTTP library leaves the body out.
    let asked = if *method == Method::HEAD { "GET" } else { method.as_str() };
    let is_asked = |route: &&Route| route.method == ANY || route.method == asked;
    [Some(first), second].into_iter().flatten().find(is_asked).ok_or_else(|| {
        let kind = Kind::WrongMethod(first.method, second.map(|route| route.method));
        Problem::new(kind, "ask with a method that the header Allow names")
    })
}

impl Route {
    /// Whether whoever asks may.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<(), Problem> {
        match self.rights {
            [] => Ok(()),
            [first, others @ ..] => {
                if others.iter().any(|right| caller.may(*right)) {
                    Ok(())
                } else {
                    caller.require(*first)
                }
            }
        }
    }

    fn is_at(&self, path: &str) -> bool {
        match self.path.split_once('{') {
            None => self.path == path,
            // What follows is somebody else's path.
            Some((before, _)) if self.method == ANY => path.starts_with(before),
            Some((before, _)) => {
                path.strip_prefix(before).is_some_and(|last| !last.is_empty() && !last.contains('/'))
            }
        }
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// All of it as OpenAPI 3.1.
pub(crate) fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = Schemas {
        requests: settings.clone().for_deserialize().into_generator(),
        answers: settings.for_serialize().into_generator(),
    };
    let problem = schemas.answers.subschema_for::<ProblemBody<'static>>();
    let mut paths = json!({});
    for route in ROUTES {
        let Described { parameters, request, mut answers } = (route.describe)(&mut schemas);
        answers["default"] = json!({
            "description": "A problem (RFC 9457)",
            "content": { "application/problem+json": { "schema": problem } },
        });
        if answers["200"]["content"]["text/html"].is_object() {
            answers["default"]["content"]["text/html"] = json!({ "schema": { "type": "string" } });
        }
        let mut operation = json!({ "summary": route.summary, "responses": answers });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if !route.rights.is_empty() {
            let rights: Vec<&str> = route.rights.iter().map(|right| right.as_str()).collect();
            operation["security"] = json!([{ "token": [] }]);
            operation["description"] =
                format!("Needs a token with the right {}.", rights.join(" or ")).into();
        }
        if let Some(content) = request {
            operation["requestBody"] = json!({ "required": true, "content": content });
        }
        let methods = if route.method == ANY { &["get", "post"] } else { &[route.method][..] };
        for method in methods {
            paths[route.path][method.to_ascii_lowercase()] = operation.clone();
        }
    }
    let mut definitions = schemas.requests.take_definitions(true);
    definitions.extend(schemas.answers.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Abide",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One list of everybody who said no: signals in, verdicts out.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "As `abide token create` shows it. Without any token, the server's own machine may ask.",
                },
            },
        },
    })
}

fn request_of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    json!({ "application/json": { "schema": schemas.requests.subschema_for::<T>() } })
}

fn answer_of<T: JsonSchema>(schemas: &mut Schemas, description: &str) -> Value {
    let schema = schemas.answers.subschema_for::<T>();
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn plain(description: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": { "type": "object" } } } })
}

fn html(description: &str) -> Value {
    json!({ "description": description, "content": { "text/html": { "schema": { "type": "string" } } } })
}

fn link_parameter() -> Value {
    json!({
        "name": "link", "in": "path", "required": true,
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,8192}$" },
    })
}

/// The one pair of RFC 8058, or what is ticked on the page.
fn unsubscribe_forms() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {
            "List-Unsubscribe": { "const": "One-Click" },
            "page": { "const": "preferences" },
            "stop": { "type": "array", "items": { "type": "string" } },
        },
    });
    json!({
        "multipart/form-data": { "schema": schema },
        "application/x-www-form-urlencoded": { "schema": schema },
    })
}

fn gateway_headers(names: [&str; 2]) -> Vec<Value> {
    let header =
        |name| json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" } });
    names.map(header).to_vec()
}

fn filter_parameters() -> Vec<Value> {
    let parameter = |name: &str, schema: Value| {
        json!({
            "name": name, "in": "query", "required": false, "schema": schema,
            "description": "With NDJSON and Arrow only: what stands in the body otherwise.",
        })
    };
    vec![
        parameter("action", json!({ "type": "string" })),
        parameter("on_cannot_tell", json!({ "enum": ["block", "allow", "fail"] })),
        parameter("list_age_max_ms", json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })),
        parameter("strict", json!({ "type": "boolean" })),
        parameter("uncovered", json!({ "enum": ["accept", "cannot_tell"] })),
        parameter("explain", json!({ "type": "boolean" })),
        json!({
            "name": "context", "in": "query", "required": false,
            "description": "With NDJSON and Arrow only: context.NAME=VALUE for each attribute.",
            "schema": { "type": "object", "additionalProperties": { "type": "string" } },
        }),
    ]
}
