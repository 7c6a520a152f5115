//! Identifiers as a case writes them: `email = "…"`, or `kind = "email"` with `sha256 = "…"`.

use std::fmt;

use abide_model::{Form, Identifier, IdentifierKind, InvalidIdentifier, Normaliser};
use toml::{Table, Value};

/// An identifier as it is written, before normalising, since how it is normalised is what many
/// cases are about. Invented, but handled like a real one: `Debug` does not show the text.
#[derive(Clone, PartialEq, Eq)]
pub struct CaseIdentifier {
    pub kind: IdentifierKind,
    /// The form of a digest; `None` when the text is raw.
    pub form: Option<Form>,
    pub text: String,
}

impl CaseIdentifier {
    pub fn read(&self, normaliser: &Normaliser) -> Result<Identifier, InvalidIdentifier> {
        match self.form {
            None => normaliser.raw(self.kind, &self.text),
            form => Normaliser::hashed(self.kind, form, &self.text),
        }
    }
}

impl fmt::Debug for CaseIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaseIdentifier({} {})", self.kind, self.form.map_or("raw", Form::as_str))
    }
}

/// Takes what names identifiers out of an entry and leaves the rest.
pub(super) fn take(entry: &mut Table) -> Result<Vec<CaseIdentifier>, String> {
    let mut found = Vec::new();
    for kind in IdentifierKind::ALL {
        for text in entry
            .remove(kind.as_str())
            .map(|value| texts(kind.as_str(), value))
            .transpose()?
            .into_iter()
            .flatten()
        {
            found.push(CaseIdentifier { kind, form: None, text });
        }
    }
    let kind = entry.remove("kind");
    for form in Form::ALL {
        let Some(value) = entry.remove(form.as_str()) else { continue };
        let Some(Value::String(kind)) = &kind else {
            return Err(format!("`{}` needs a `kind` beside it, such as \"email\"", form.as_str()));
        };
        let kind = kind.parse().map_err(|error: abide_model::identifier::UnknownKind| error.to_string())?;
        for text in texts(form.as_str(), value)? {
            found.push(CaseIdentifier { kind, form: Some(form), text });
        }
    }
    if kind.is_some() && found.iter().all(|identifier| identifier.form.is_none()) {
        return Err("`kind` needs a digest beside it, such as `sha256`".to_owned());
    }
    Ok(found)
}

/// One text or several.
fn texts(name: &str, value: Value) -> Result<Vec<String>, String> {
    let text = |value| match value {
        Value::String(text) => Ok(text),
        _ => Err(format!("`{name}` is a text or a list of texts")),
    };
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}
