//! Identifiers as adapters meet them, before anything was made of them: a kind, a form if it is a digest, and a text.

use std::{borrow::Cow, fmt};

use crate::identifier::{Form, Identifier, IdentifierKind, InvalidIdentifier, Normaliser};

/// One identifier as it was written: a kind, the form if it is a digest, and a text.
#[derive(PartialEq, Eq)]
pub struct Written<'a> {
    pub kind: IdentifierKind,
    pub form: Option<HashedAs>,
    pub text: Cow<'a, str>,
}

/// Given as a digest; without a form its length tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedAs(pub Option<Form>);

impl Written<'_> {
    pub fn read_into(&self, normaliser: &Normaliser, into: &mut Identifier) -> Result<(), InvalidIdentifier> {
        match self.form {
            None => normaliser.raw_into(self.kind, &self.text, into),
            Some(HashedAs(form)) => {
                *into = Normaliser::hashed(self.kind, form, &self.text)?;
                Ok(())
            }
        }
    }

    pub fn read(&self, normaliser: &Normaliser) -> Result<Identifier, InvalidIdentifier> {
        let mut identifier = Identifier::blank();
        self.read_into(normaliser, &mut identifier)?;
        Ok(identifier)
    }
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Written({}, …)", self.kind)
    }
}

/// `email`, `email:hashed`, `email:md5`, `phone:last10.sha256`.
pub fn kind_and_form(name: &str) -> Option<(IdentifierKind, Option<HashedAs>)> {
    let (kind, form) = match name.split_once(':') {
        None => (name, None),
        Some((kind, "hashed")) => (kind, Some(HashedAs(None))),
        Some((kind, form)) => (kind, Some(HashedAs(Some(form.parse().ok()?)))),
    };
    Some((kind.parse().ok()?, form))
}
