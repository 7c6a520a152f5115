//! The accounts whose webhooks are taken, with their secrets: of vendors that are known, and of others by a mapping.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use abide_model::{Claimant, Scope, Time, contained::contained};
use abide_signals::{
    hooks::{
        Account, Event, Refused, Request, Said, Secret, Source, StopFor, Verified, verify_shared,
        verify_standard,
    },
    mapping::Mapping,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::is_address,
    problem::{Kind, Problem},
    secrets,
    sns::Amazon,
};

/// One `[[serve.hooks]]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HookAccount {
    /// The last part of `/v1/hooks/NAME`, and whose word it is.
    pub name: String,
    /// The vendor; the name, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Instead of a vendor: a mapping file, which says what the events of any other source mean, and whose word it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<PathBuf>,
    /// With a mapping: how requests show whose they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signed>,
    /// The address that the vendor was given, up to the path, e.g. `https://hooks.example.com`: some sign it.
    pub public: String,
    /// The variable that holds the secret, or the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_variable: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// For whom an unsubscribe counts, e.g. `brand:acme`; everyone, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Segment: what its consent categories stand for, e.g. `{ Advertising = "privacy.no_targeting", Analytics = "nothing" }`,
    /// beside those that are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, String>,
    /// Twilio: for whom a STOP counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopWord>,
    /// Amazon SES: whose certificates are believed of Amazon's hosts, in PEM, e.g. `/etc/ssl/certs/ca-certificates.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities_file: Option<PathBuf>,
    /// Amazon SES: where connections to Amazon are led (`HOST:PORT`), for a machine that does not reach it by itself. It
    /// is still Amazon's certificate that has to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_to: Option<String>,
}

/// For whom a STOP counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopWord {
    /// The number that it answered.
    Sender,
    /// Every number of the account's `scope`.
    Brand,
}

/// How the requests of a source that is not known show whose they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// They bring the secret: as basic authentication, as a bearer's token, or as `?secret=`.
    #[default]
    Shared,
    /// By the Standard Webhooks scheme.
    Standard,
}

/// Whose requests they are, and so how they are verified and read.
#[derive(Debug)]
pub(crate) enum Sender {
    Vendor(Source, Account),
    Mapped(Box<Mapping>, Signed),
}

pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) sender: Sender,
    pub(crate) public: String,
    pub(crate) secret: Secret,
    /// Where SNS keeps its certificates.
    pub(crate) amazon: Option<Amazon>,
}

impl HookAccount {
    /// Everything but the secret.
    pub(crate) fn check(&self) -> Result<Sender, String> {
        let fault = |why: &str| format!("hooks, the account `{}`: {why}", self.name);
        let claimant =
            self.name.parse().map_err(|_| fault("a name has lower-case letters, digits, `.`, `_`, `-`"))?;
        let sender = match &self.map {
            Some(_)
                if self.vendor.is_some()
                    || self.scope.is_some()
                    || self.authorities_file.is_some()
                    || self.stop.is_some()
                    || !self.categories.is_empty() =>
            {
                return Err(fault("a mapping says itself what is meant; leave out what is a vendor's"));
            }
            Some(file) => {
                let wrong = |why: String| fault(&format!("the mapping `{}`: {why}", file.display()));
                let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
                let mapping = Mapping::parse(&text).map_err(|invalid| wrong(invalid.to_string()))?;
                Sender::Mapped(Box::new(mapping), self.signed.unwrap_or_default())
            }
            None => self.vendor_account(claimant)?,
        };
        if !is_address(&self.public) {
            return Err(fault("`public` is an address such as https://hooks.example.com"));
        }
        if self.secret_variable.is_some() == self.secret_file.is_some() {
            return Err(fault("name a `secret_variable` or a `secret_file`"));
        }
        Ok(sender)
    }

    fn vendor_account(&self, claimant: Claimant) -> Result<Sender, String> {
        let fault = |why: &str| format!("hooks, the account `{}`: {why}", self.name);
        let vendor = self.vendor.as_deref().unwrap_or(&self.name);
        let source = Source::by_name(vendor)
            .ok_or_else(|| fault("no vendor of that name is known; of others a `map` says what is meant"))?;
        if self.signed.is_some() {
            return Err(fault("`signed` goes with a `map`; how a vendor signs is known"));
        }
        if (source == Source::AmazonSes) != self.authorities_file.is_some() {
            return Err(fault(
                "`authorities_file` says whose certificates are believed of Amazon, for `ses` and no other",
            ));
        }
        let mut account = Account { claimant, ..Account::of(source) };
        match (self.stop, source) {
            (None, _) => {}
            (Some(StopWord::Sender), Source::Twilio) => account.stop = StopFor::Sender,
            (Some(StopWord::Brand), Source::Twilio) => account.stop = StopFor::Brand,
            (Some(_), _) => return Err(fault("`stop` is Twilio's")),
        }
        if source != Source::Segment && !self.categories.is_empty() {
            return Err(fault("`categories` are Segment's"));
        }
        for (name, means) in &self.categories {
            let mechanism = match means.as_str() {
                "nothing" => None,
                named => Some(named.parse().map_err(|_| {
                    fault(&format!(
                        "the category `{name}` stands for a mechanism (`abide mechanisms`), or `nothing`"
                    ))
                })?),
            };
            account.categories.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            account.categories.push((name.clone(), mechanism));
        }
        if let Some(scope) = &self.scope {
            account.brand = scope.parse::<Scope>().map_err(|error| fault(&error.to_string()))?;
        }
        Ok(Sender::Vendor(source, account))
    }

    pub(crate) fn open(&self) -> Result<Hook, String> {
        let sender = self.check()?;
        let fault = |why: String| format!("hooks, the account `{}`: {why}", self.name);
        let text = match (&self.secret_variable, &self.secret_file) {
            (Some(variable), _) => secrets::of_variable(variable),
            (None, Some(file)) => secrets::of_file(file),
            (None, None) => Err("it has no secret".to_owned()),
        };
        let text = text.map_err(fault)?;
        let amazon = self.authorities_file.as_deref().map(|authorities| {
            Amazon::new(text.trim(), authorities, self.connect_to.as_deref()).map_err(fault)
        });
        let secret = Secret::new(text.trim());
        if matches!(sender, Sender::Mapped(_, Signed::Standard)) && !secret.is_standard() {
            return Err(fault(
                "the secret is none of the Standard Webhooks scheme, `whsec_` and Base64".to_owned(),
            ));
        }
        Ok(Hook {
            name: self.name.clone(),
            sender,
            public: self.public.clone(),
            secret,
            amazon: amazon.transpose()?,
        })
    }
}

impl Hook {
    /// That a request is of this account, and of now.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        secret: &Secret,
        now: Time,
    ) -> Result<Verified, Refused> {
        match &self.sender {
            Sender::Vendor(source, _) => source.verify(request, secret, now),
            Sender::Mapped(_, Signed::Shared) => verify_shared(request, secret),
            Sender::Mapped(_, Signed::Standard) => verify_standard(request, secret, now),
        }
    }

    /// Where the certificate is that signed it, if one does.
    pub(crate) fn certificate_url(&self, request: &Request<'_>) -> Result<Option<String>, Refused> {
        match &self.sender {
            Sender::Vendor(source, _) => source.certificate_url(request),
            Sender::Mapped(..) => Ok(None),
        }
    }

    /// What a request says that was verified.
    ///
    /// What nobody knows is an event that is kept aside. Only a body that the mapping cannot take apart is refused: whoever
    /// sent it has it still.
    pub(crate) fn read(&self, request: &Request<'_>) -> Result<Vec<Event>, Problem> {
        let mapping = match &self.sender {
            Sender::Mapped(..) if request.method == "HEAD" => return Ok(Vec::new()),
            // A look whether somebody is there, or a statement in the address, which no mapping reads.
            Sender::Mapped(..) if request.method == "GET" => {
                return Ok(vec![Event::Unknown { name: "GET".to_owned() }]);
            }
            Sender::Mapped(mapping, _) => mapping,
            Sender::Vendor(source, account) => {
                return Ok(source.read(request, account).unwrap_or_else(|fault| {
                    let fault = fault.to_string();
                    tracing::warn!(hook = self.name, fault, "a request of the vendor's cannot be read");
                    vec![Event::Unknown { name: "?".to_owned() }]
                }));
            }
        };
        let read = contained(|| mapping.read(request.body))
            .map_err(|_| Problem::new(Kind::Bug, "the mapping cannot be applied to the body"))?
            .map_err(|fault| {
                let fault = fault.to_string();
                tracing::error!(hook = self.name, fault, "a request cannot be taken apart by the mapping");
                Problem::invalid(format!("the mapping cannot take the body apart: {fault}"))
            })?;
        let events: Vec<Event> = read
            .into_iter()
            .map(|event| match event {
                Ok(mapped) => Event::Said(mapped.into()),
                Err(fault) => Event::Unknown { name: fault.to_string() },
            })
            .collect();
        // No signal of the mapping applies.
        let silent = || vec![Event::Silent { name: Said::MAPPED.to_owned() }];
        Ok(if events.is_empty() { silent() } else { events })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.name)
    }
}
