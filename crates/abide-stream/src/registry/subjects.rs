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

impl Registry {
    /// What was found about topics, for people to read. An error where something is to be taken out and cannot be.
    pub(crate) fn check(
        &self,
        config: &Config,
        rules: &Rules,
    ) -> Result<BTreeMap<String, String>, StreamError> {
        let mut remarks = BTreeMap::new();
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
                let remark = match latest.map_err(|Away(why)| StreamError::Registry(why))? {
                    None => format!("the registry has no `{subject}`; `subject` names another"),
                    Some((_, Err(why))) => {
                        return Err(misfit(route, &format!("the schema `{subject}` cannot be used: {why}")));
                    }
                    Some((version, Ok(schema))) => {
                        let named = version.map_or(subject.clone(), |version| format!("{subject} {version}"));
                        cannot_be_taken_out(route, &of_config.redact, &named, &schema)?;
                        format!("its schema is {named}{}", nowhere(route, of_config, &schema))
                    }
                };
                remarks.insert(topic.clone(), remark);
            }
        }
        Ok(remarks)
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
    if let Some(Asks { blocked: Blocked::Redact(redaction), .. }) = &route.asks {
        let numbers = schema.leads_nowhere(&redaction.values);
        texts.extend(numbers.into_iter().map(|number| config.redact[number].as_str()));
    }
    if texts.is_empty() { String::new() } else { format!(", where nothing is at {}", texts.join(", ")) }
}

fn misfit(route: &Route, why: &str) -> StreamError {
    InvalidConfig(format!("the route `{}`: {why}", route.name)).into()
}
