//! Against a registry that answers over HTTP.

use std::{path::Path, time::Duration};

use abide_model::Time;
use abide_testkit::{Proxy, SchemaRegistry};
use abide_values::{Kind, Paths};

use super::{Away, Registry};
use crate::{
    config::RegistryConfig,
    schemas::{Known, Schemas},
};

const EMAIL: &str = r#"{"type":"record","name":"E","fields":[{"name":"email","type":"string"}]}"#;

fn registry(url: &str, more: &str, folder: &Path) -> Result<Registry, String> {
    let config: RegistryConfig = toml::from_str(&format!("url = {url:?}\n{more}")).unwrap();
    Registry::build(&config, folder, Duration::from_millis(500))
}

fn ask(registry: &Registry, kind: Kind, id: u32) -> Result<&'static str, Away> {
    let schemas = Schemas::default();
    registry.learn(&schemas, kind, id, Time::from_micros(0))?;
    Ok(match schemas.get(kind, id) {
        Some(Known::Schema(_)) => "known",
        Some(Known::Unusable) => "unusable",
        Some(Known::Unknown(_)) => "unknown",
        None => "not asked",
    })
}

/// What is not there is told apart from a server that is none, or not now.
#[test]
fn what_its_answers_mean() {
    let server = SchemaRegistry::start();
    let avro = server.put("a-value", "AVRO", EMAIL, &[]);
    let json = server.put("j-value", "JSON", "{}", &[]);
    let broken = server.put("b-value", "AVRO", "{}", &[]);
    let dangling = server.put("d-value", "AVRO", EMAIL, &[("X", "gone", 1)]);
    let asked = registry(&server.url(), "", Path::new("")).unwrap();
    for (kind, id, wanted) in [
        (Kind::Avro, avro, "known"),
        (Kind::Protobuf, avro, "unusable"),
        (Kind::Avro, json, "unusable"),
        (Kind::Avro, broken, "unusable"),
        (Kind::Avro, dangling, "unusable"),
        (Kind::Avro, 99, "unknown"),
    ] {
        assert_eq!(ask(&asked, kind, id), Ok(wanted), "{id}");
    }
    for (status, body, why) in [
        (404, "<html>", "it answers 404, and not as a registry does; see `url`"),
        (
            404,
            r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#,
            "it answers 404, and not as a registry does; see `url`",
        ),
        (200, "<html>", "it does not answer as a registry does; see `url`"),
        (503, "", "it answers 503"),
        (302, "", "it answers 302"),
        (403, "", "it answers 403; see `user`, `password` and `token`"),
    ] {
        server.answer_only(Some((status, body)));
        assert_eq!(ask(&asked, Kind::Avro, avro), Err(Away(why.to_owned())), "{status} {body}");
    }
    assert_eq!(ask(&asked, Kind::Avro, 1 << 31), Ok("unknown"), "no registry has one, and none is asked");
    let large = " ".repeat(super::ANSWER_MAX + 1);
    server.answer_only(Some((200, &large)));
    assert!(ask(&asked, Kind::Avro, avro).is_err());
    // Below a path, as registries of others are.
    let below = registry(&format!("{}/apis/ccompat/v7/", server.url()), "", Path::new("")).unwrap();
    assert!(ask(&below, Kind::Avro, avro).is_err());
    assert_eq!(server.asked().last().map(String::as_str), Some("/apis/ccompat/v7/schemas/ids/1"));
}

/// For ever what it knows, for a while what it does not.
#[test]
fn it_is_asked_once() {
    let server = SchemaRegistry::start();
    let id = server.put("a-value", "AVRO", EMAIL, &[]);
    let asked = registry(&server.url(), "", Path::new("")).unwrap();
    let schemas = Schemas::default();
    for id in [id, 99] {
        asked.learn(&schemas, Kind::Avro, id, Time::from_micros(0)).unwrap();
    }
    let lacks = |id, seconds: i64| schemas.lacks(Kind::Avro, id, Time::from_micros(seconds * 1_000_000));
    assert_eq!([lacks(id, 1_000_000), lacks(99, 1), lacks(99, 31)], [false, false, true]);
    assert_eq!(server.asked(), ["/schemas/ids/1", "/schemas/ids/99"]);
}

#[test]
fn who_cannot_be_reached_is_away() {
    let proxy = Proxy::new();
    let asked = registry(&proxy.url(), "", Path::new("")).unwrap();
    assert!(ask(&asked, Kind::Avro, 1).is_err());
    proxy.swallow();
    let Err(Away(why)) = ask(&asked, Kind::Avro, 1) else { panic!("nobody answered") };
    assert!(why.contains("timed out") && !why.contains("http://"), "{why}");
}

#[test]
fn who_asks_is_told_to_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "pass:word\n").unwrap();
    let server = SchemaRegistry::start_tls();
    let id = server.put("a-value", "AVRO", EMAIL, &[]);
    std::fs::write(folder.path().join("ca.pem"), server.authority()).unwrap();
    let ask_as = |more: &str| {
        let more = format!("authorities_file = \"ca.pem\"\n{more}");
        ask(&registry(&server.url(), &more, folder.path()).unwrap(), Kind::Avro, id)
    };
    assert_eq!(ask_as(""), Ok("known"));
    // Nobody believes its certificate who was not told to.
    assert!(ask(&registry(&server.url(), "", folder.path()).unwrap(), Kind::Avro, id).is_err());
    server.demand("Basic YWJpZGU6cGFzczp3b3Jk");
    let user = "user = \"abide\"\npassword = { file = \"secret\" }";
    assert_eq!(ask_as(user), Ok("known"));
    assert!(ask_as("user = \"abide\"\npassword = \"other\"").is_err());
    assert!(ask_as("").is_err());
    server.demand("Bearer pass:word");
    assert_eq!(ask_as("token = { file = \"secret\" }"), Ok("known"));

    for (url, more) in [
        ("registry:8081", ""),
        ("ftp://registry", ""),
        ("http://user:password@registry", ""),
        ("http://registry", "user = \"abide\""),
        ("http://registry", "token = { variable = \"ABIDE_TEST_NOT_SET\" }"),
        ("http://registry", "token = \"a\"\nuser = \"b\"\npassword = \"c\""),
        ("http://registry", "authorities_file = \"secret\""),
    ] {
        assert!(registry(url, more, folder.path()).is_err(), "{url} {more}");
    }
}

/// Types and files that a schema refers to come first, however it gets to them.
#[test]
fn references_are_followed() {
    let server = SchemaRegistry::start();
    let street = r#"{"type":"record","name":"a.Street","fields":[{"name":"name","type":"string"}]}"#;
    let home = r#"{"type":"record","name":"a.Home","fields":[{"name":"street","type":"Street"}]}"#;
    let person = r#"{"type":"record","name":"a.Person","fields":[{"name":"home","type":"Home"},{"name":"work","type":"Street"}]}"#;
    server.put("a/street", "AVRO", street, &[]);
    server.put("home", "AVRO", home, &[("a.Street", "a/street", 1)]);
    let avro = server.put("person", "AVRO", person, &[("a.Street", "a/street", 1), ("a.Home", "home", 1)]);
    server.put("ids", "PROTOBUF", "syntax = \"proto3\"; message Id { string text = 1; }", &[]);
    let user = "syntax = \"proto3\"; import \"ids.proto\"; message User { Id id = 1; }";
    server.put("user", "PROTOBUF", user, &[("ids.proto", "ids", 1)]);
    let event = "syntax = \"proto3\"; import \"user.proto\"; import \"ids.proto\"; message Event { User user = 1; Id id = 2; }";
    let protobuf =
        server.put("event", "PROTOBUF", event, &[("user.proto", "user", 1), ("ids.proto", "ids", 1)]);
    let asked = registry(&server.url(), "", Path::new("")).unwrap();
    let schemas = Schemas::default();
    for (kind, id, path) in
        [(Kind::Avro, avro, "/home/street/name"), (Kind::Protobuf, protobuf, "/user/id/text")]
    {
        asked.learn(&schemas, kind, id, Time::from_micros(0)).unwrap();
        let Some(Known::Schema(schema)) = schemas.get(kind, id) else { panic!("{kind:?} is not known") };
        let mut paths = Paths::default();
        paths.add(path, 0).unwrap();
        assert!(schema.leads_nowhere(&paths).is_empty(), "{path}");
    }
}
