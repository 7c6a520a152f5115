//! Debian's Chromium without a window, told what to do over its debugging pipe: a phone's screen, and no script.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A small phone, in CSS pixels.
pub(crate) const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 568.0;

pub(crate) struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    calls: u64,
    session: Option<String>,
    // Removed last.
    _profile: TempDir,
}

/// Where something stands on the page, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) height: f64,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let pipe = |name: &str| profile.path().join(name);
        assert!(Command::new("mkfifo").arg(pipe("to")).arg(pipe("from")).status().unwrap().success());
        // The browser reads what it is told from descriptor 3, and answers on 4.
        let script = r#"exec chromium "$@" 3<"$PIPES/to" 4>"$PIPES/from""#;
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", "--headless=new", "--remote-debugging-pipe", "--no-first-run"]);
        // As root it has no sandbox; the pages are our own.
        command.args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions"]);
        command.arg(format!("--user-data-dir={}", pipe("profile").display())).arg("about:blank");
        command.env("PIPES", profile.path()).env("HOME", profile.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        is_installed();
        let child = command.spawn().unwrap();
        let to = File::options().write(true).open(pipe("to")).unwrap();
        let from = BufReader::new(File::open(pipe("from")).unwrap());
        let mut browser = Self { child, to, from, calls: 0, session: None, _profile: profile };
        let target =
            browser.call("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page.enable", "DOM.enable", "CSS.enable"] {
            browser.call(domain, &json!({}));
        }
        browser.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
        let phone = json!({ "width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 2, "mobile": true });
        browser.call("Emulation.setDeviceMetricsOverride", &phone);
        browser
    }

    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{opened}");
        self.event("Page.loadEventFired");
    }

    /// Touches the only thing that a selector finds, and waits for the page that comes of it.
    pub(crate) fn follow(&mut self, selector: &str) {
        self.touch(selector);
        self.event("Page.loadEventFired");
    }

    pub(crate) fn touch(&mut self, selector: &str) {
        let found = self.find(selector);
        assert_eq!(found.len(), 1, "{selector}");
        let node = found[0];
        self.call("DOM.scrollIntoViewIfNeeded", &json!({ "nodeId": node }));
        let corners = self.call("DOM.getBoxModel", &json!({ "nodeId": node }))["model"]["border"].clone();
        let corner = |at: usize| corners[at].as_f64().unwrap();
        let (x, y) = (f64::midpoint(corner(0), corner(4)), f64::midpoint(corner(1), corner(5)));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    pub(crate) fn places(&mut self, selector: &str) -> Vec<Place> {
        let place = |browser: &mut Self, node: u64| {
            let model = browser.call("DOM.getBoxModel", &json!({ "nodeId": node }))["model"].clone();
            let corner = |at: usize| model["border"][at].as_f64().unwrap();
            Place { left: corner(0), right: corner(4), height: corner(5) - corner(1) }
        };
        self.find(selector).into_iter().map(|node| place(self, node)).collect()
    }

    /// How wide all of the page is, what has to be scrolled to included.
    pub(crate) fn width(&mut self) -> f64 {
        self.call("Page.getLayoutMetrics", &json!({}))["cssContentSize"]["width"].as_f64().unwrap()
    }

    pub(crate) fn style(&mut self, selector: &str, property: &str) -> String {
        let node = self.find(selector)[0];
        let styles = self.call("CSS.getComputedStyleForNode", &json!({ "nodeId": node }));
        let found = styles["computedStyle"].as_array().unwrap().iter().find(|one| one["name"] == property);
        found.unwrap()["value"].as_str().unwrap().to_owned()
    }

    /// What a screen reader is told: `role name` of everything that has a name.
    pub(crate) fn spoken(&mut self) -> Vec<String> {
        let tree = self.call("Accessibility.getFullAXTree", &json!({}));
        let nodes = tree["nodes"].as_array().unwrap().iter().filter(|node| node["ignored"] == false);
        let said = nodes.filter_map(|node| {
            let name = node["name"]["value"].as_str().filter(|name| !name.trim().is_empty())?;
            Some(format!("{} {name}", node["role"]["value"].as_str()?))
        });
        said.collect()
    }

    fn find(&mut self, selector: &str) -> Vec<u64> {
        let root = self.call("DOM.getDocument", &json!({}))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelectorAll", &json!({ "nodeId": root, "selector": selector }));
        found["nodeIds"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
    }

    #[track_caller]
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        let mut bytes = call.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let message = self.read();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Waits for something that happens after the last call.
    fn event(&mut self, name: &str) {
        while self.read()["method"] != name {}
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_installed() {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Path::new(&folder).join("chromium").exists())
    });
    assert!(found, "Chromium is not installed: `cargo xtask setup`, or `apt-get install chromium`");
}
