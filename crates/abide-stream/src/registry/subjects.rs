//! Whether routes fit the schemas that the registry has for their topics now.

use std::collections::BTreeMap;

use abide_values::Schema;

use super::{Away, LATEST, Registry, wait};
use crate::{
    config::{Config, InvalidConfig},
    engine::Rules,
    error::StreamError,
    reading::Reading,
    route::{Asks, Blocked, Route, WORD},
};

/// What was found about a topic's schema, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfSchema {
    pub(crate) remark: String,
    /// What is most likely not meant, and lets data out.
    pub(crate) warning: Option<String>,
}

impl Registry {
    /// By topic. An error where something is to be taken out and cannot be.
    pub(crate) fn check(
        &self,
        config: &Config,
        rules: &Rules,
    ) -> Result<BTreeMap<String, OfSchema>, StreamError> {
        let mut found = BTreeMap::new();
        for (route, of_config) in rules.routes.iter().zip(&config.routes) {
            let Reading::Framed(kind, _) = &route.reading else { continue };
            for topic in &route.topics {
                let subject = of_config.subject.clone().unwrap_or_else(|| format!("{topic}-value"));
                let latest = wait(async {
                    let Some(told) = self.ask(&["subjects", &subject, "versions", LATEST]).await? else {
                        return Ok(None);
                    };
                    let version = told.version;
                    Ok::<_, Away>(Some((version, self.parse(*kind, told).await?)))
                });
                let of_schema = match latest.map_err(|Away(why)| StreamError::Registry(why))? {
                    None => OfSchema {
                        remark: format!("the registry has no `{subject}`; `subject` names another"),
                        warning: None,
                    },
                    Some((_, Err(why))) => {
                        return Err(misfit(route, &format!("the schema `{subject}` cannot be used: {why}")));
                    }
                    Some((version, Ok(schema))) => {
                        let named = version.map_or(subject.clone(), |version| format!("{subject} {version}"));
                        cannot_be_taken_out(route, &of_config.redact, &named, &schema)?;
                        OfSchema {
                            remark: format!("its schema is {named}{}", nowhere(route, of_config, &schema)),
                            warning: takes_out_nothing(route, &of_config.redact, &named, &schema),
                        }
                    }
                };
                found.insert(topic.clone(), of_schema);
            }
        }
        Ok(found)
    }
}

fn cannot_be_taken_out(
    route: &Route,
    redact: &[String],
    subject: &str,
    schema: &Schema,
) -> Result<(), StreamError> {
    let Some(Asks { blocked: Blocked::Redact(redaction), .. }) = &route.asks else { return Ok(()) };
    match schema.cannot_be_taken_out(&redaction.values).first() {
        None => Ok(()),
        Some(number) => Err(misfit(
            route,
            &format!(
                "`{}` cannot be taken out by the schema {subject}, which allows nothing empty there; take out what it is \
                 in, or let `blocked` be something else",
                redact[*number]
            ),
        )),
    }
}

fn nowhere(route: &Route, config: &crate::config::RouteConfig, schema: &Schema) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for number in schema.leads_nowhere(&route.values) {
        if number == WORD {
            texts.extend(config.opt_outs.as_ref().and_then(|opt_outs| opt_outs.place.as_deref()));
        } else {
            texts.push(&config.identifiers[number]);
        }
    }
    if texts.is_empty() { String::new() } else { format!(", where nothing is at {}", texts.join(", ")) }
}

/// Whoever names what is to be taken out believes that it is taken out.
fn takes_out_nothing(route: &Route, redact: &[String], subject: &str, schema: &Schema) -> Option<String> {
    let Some(Asks { blocked: Blocked::Redact(redaction), .. }) = &route.asks else { return None };
    let numbers = schema.leads_nowhere(&redaction.values);
    let texts: Vec<&str> = numbers.into_iter().map(|number| redact[number].as_str()).collect();
    (!texts.is_empty()).then(|| {
        format!(
            "`redact` takes nothing out at {}: by the schema {subject} nothing is there",
            texts.join(", ")
        )
    })
}

fn misfit(route: &Route, why: &str) -> StreamError {
    InvalidConfig(format!("the route `{}`: {why}", route.name)).into()
}
