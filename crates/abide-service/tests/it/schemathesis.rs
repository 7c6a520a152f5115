//! Requests made up from `/openapi.json`, good and bad, by `schemathesis`: no answer is an error of the server, and none
//! is other than the description says.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use abide_service::Config;

use crate::world::{Running, World};

/// How many requests for each route; more of them by `ABIDE_TEST_EXAMPLES`.
const EXAMPLES: &str = "10";

#[test]
fn every_answer_is_as_described() {
    let program = program();
    assert!(program.exists(), "no schemathesis at {}; run `cargo xtask setup`", program.display());
    let world = World::new();
    let folder = world.directory.path();
    let config = Config {
        hooks: vec![crate::hooks::account(folder, "postmark")],
        ..crate::unsubscribe::set_up(folder, &[crate::unsubscribe::OLD])
    };
    let running = Running::start(config, world.wiring("main", world.objects()));
    running.ready();
    let examples = env::var("ABIDE_TEST_EXAMPLES").unwrap_or(EXAMPLES.to_owned());
    let mut command = Command::new(program);
    command.current_dir(folder).env("NO_COLOR", "1").arg("run");
    command.arg(format!("http://{}/openapi.json", running.address()));
    command.args(["--max-examples", &examples, "--seed", "5", "--continue-on-failure", "--warnings", "off"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "30", "--checks"]);
    command.arg(
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
         response_headers_conformance,unsupported_method,allow_header_conformance",
    );
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
}

fn program() -> PathBuf {
    match env::var_os("ABIDE_TEST_SCHEMATHESIS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/schemathesis/bin/st"),
    }
}
