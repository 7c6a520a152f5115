//! The accounts at vendors whose webhooks are taken, with their secrets.

use std::{fmt, path::PathBuf};

use abide_model::Scope;
use abide_signals::hooks::{Account, Secret, Source};
use serde::{Deserialize, Serialize};

use crate::{config::is_address, secrets, sns::Amazon};

/// One `[[serve.hooks]]` of `abide.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HookAccount {
    /// The last part of `/v1/hooks/NAME`, and whose word it is.
    pub name: String,
    /// The vendor; the name, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
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
    /// Amazon SES: whose certificates are believed of Amazon's hosts, in PEM, e.g. `/etc/ssl/certs/ca-certificates.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities_file: Option<PathBuf>,
    /// Amazon SES: where connections to Amazon are led (`HOST:PORT`), for a machine that does not reach it by itself. It
    /// is still Amazon's certificate that has to be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_to: Option<String>,
}

pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) account: Account,
    pub(crate) public: String,
    pub(crate) secret: Secret,
    /// Where SNS keeps its certificates.
    pub(crate) amazon: Option<Amazon>,
}

impl HookAccount {
    /// Everything but the secret.
    pub(crate) fn check(&self) -> Result<(Source, Account), String> {
        let fault = |why: &str| format!("hooks, the account `{}`: {why}", self.name);
        let vendor = self.vendor.as_deref().unwrap_or(&self.name);
        let source = Source::by_name(vendor).ok_or_else(|| fault("no vendor of that name is known"))?;
        if (source == Source::AmazonSes) != self.authorities_file.is_some() {
            return Err(fault(
                "`authorities_file` says whose certificates are believed of Amazon, for `ses` and no other",
            ));
        }
        if !is_address(&self.public) {
            return Err(fault("`public` is an address such as https://hooks.example.com"));
        }
        if self.secret_variable.is_some() == self.secret_file.is_some() {
            return Err(fault("name a `secret_variable` or a `secret_file`"));
        }
        let claimant =
            self.name.parse().map_err(|_| fault("a name has lower-case letters, digits, `.`, `_`, `-`"))?;
        let mut account = Account { claimant, ..Account::of(source) };
        if let Some(scope) = &self.scope {
            account.brand = scope.parse::<Scope>().map_err(|error| fault(&error.to_string()))?;
        }
        Ok((source, account))
    }

    pub(crate) fn open(&self) -> Result<Hook, String> {
        let (source, account) = self.check()?;
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
        Ok(Hook {
            name: self.name.clone(),
            source,
            account,
            public: self.public.clone(),
            secret: Secret::new(text.trim()),
            amazon: amazon.transpose()?,
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({})", self.name)
    }
}
