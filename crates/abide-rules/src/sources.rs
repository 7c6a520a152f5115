//! The texts of a ruleset, before anything is made of them.

/// The content of a ruleset's directory, but for its cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesetSources {
    /// `ruleset.toml`.
    pub toml: String,
    /// `policies/*.cedar`: the file's name (for messages, with or without its folder) and its text.
    pub policies: Vec<(String, String)>,
}

/// The name under which errors in the TOML text are reported.
pub(crate) const MANIFEST_FILE: &str = "ruleset.toml";

impl RulesetSources {
    /// The default ruleset, which is part of the program.
    pub fn built_in() -> Self {
        Self {
            toml: include_str!("../default/ruleset.toml").to_owned(),
            policies: [
                ("policies/ads.cedar", include_str!("../default/policies/ads.cedar")),
                ("policies/contact.cedar", include_str!("../default/policies/contact.cedar")),
                ("policies/data.cedar", include_str!("../default/policies/data.cedar")),
            ]
            .map(|(file, text)| (file.to_owned(), text.to_owned()))
            .to_vec(),
        }
    }

    /// What the version is the digest of: every text under its length, the policies in the order of
    /// their files' names, line ends as `\n`. Two checkouts of one ruleset have equal bytes whatever
    /// the machine's line ends; any other difference, a comment too, is another version.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = b"abide ruleset 1\n".to_vec();
        let mut put = |text: &str| {
            let text = text.replace("\r\n", "\n");
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        };
        put(&self.toml);
        for (file, text) in self.sorted_policies() {
            put(file);
            put(text);
        }
        bytes
    }

    /// The policies by the name of their file, without the folder that somebody read them from.
    pub(crate) fn sorted_policies(&self) -> Vec<(&str, &str)> {
        let mut policies: Vec<_> =
            self.policies.iter().map(|(file, text)| (file_name(file), text.as_str())).collect();
        policies.sort_unstable();
        policies
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
