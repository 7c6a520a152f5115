//! The texts of a ruleset, before anything is made of them.

mod cases;

use sha2::{Digest as _, Sha256};

use crate::error::{Place, Problem, RulesetError};

pub use cases::BUILT_IN_CASES;

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

/// No ruleset that people can review is larger, and Cedar takes its time over a text.
pub const SIZE_MAX_BYTES: usize = 1 << 20;

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

    /// From the bytes of files: `ruleset.toml` and each policy file under its name.
    pub fn from_files(toml: Vec<u8>, policies: Vec<(String, Vec<u8>)>) -> Result<Self, RulesetError> {
        let size = toml.len() + policies.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        if size > SIZE_MAX_BYTES {
            let place = Place { file: MANIFEST_FILE.to_owned(), line: 1, column: 1 };
            return Err(RulesetError { place, problem: Problem::TooLarge { size, max: SIZE_MAX_BYTES } });
        }
        Ok(Self {
            toml: text(MANIFEST_FILE, toml)?,
            policies: policies
                .into_iter()
                .map(|(file, bytes)| {
                    let text = text(&format!("policies/{}", file_name(&file)), bytes)?;
                    Ok((file, text))
                })
                .collect::<Result<_, _>>()?,
        })
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

    /// What tells versions apart: the SHA-256 of [`Self::canonical_bytes`].
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_bytes()).into()
    }

    /// The policies by the name of their file, without the folder that somebody read them from.
    pub(crate) fn sorted_policies(&self) -> Vec<(&str, &str)> {
        let mut policies: Vec<_> =
            self.policies.iter().map(|(file, text)| (file_name(file), text.as_str())).collect();
        policies.sort_unstable();
        policies
    }
}

fn text(file: &str, bytes: Vec<u8>) -> Result<String, RulesetError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        RulesetError { place: Place::at(file, &before, valid), problem: Problem::NotUtf8(valid) }
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
