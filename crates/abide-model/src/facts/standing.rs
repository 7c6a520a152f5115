//! Which statements of one identity stand, and what ended the others.

use std::collections::BTreeMap;

use crate::{
    claimant::Claimant,
    facts::Fact,
    mechanism::EndedBy,
    signal::Direction,
    state::{IdentityState, Moments, Retractions},
    time::Time,
};

/// A statement (the latest of its direction by one claimant) and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub fact: Fact,
    pub at: Time,
    pub standing: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    InForce,
    /// The claimant has since said the opposite.
    Withdrawn {
        at: Time,
    },
    /// A later proven opt-in of the person covers it.
    EndedByPerson {
        at: Time,
    },
    /// An opt-in by a later opt-out that covers it.
    Overtaken {
        at: Time,
    },
    /// Consent of somebody who has since lost the number.
    Reassigned {
        at: Time,
    },
    /// An opt-in without proof: it ended that source's own claim and is no consent.
    SourcesWord,
}

/// Judges every statement of an identity that is not retracted, by claim.
pub fn judge(state: &IdentityState, retractions: &Retractions) -> Vec<Judged> {
    let claims = counting_claims(state, retractions);
    let opt_ins = proven_opt_ins(&claims);
    let mut judged = Vec::new();
    for (fact, moments) in &claims {
        if let Some(at) = moments.out {
            judged.push(Judged {
                fact: fact.clone(),
                at,
                standing: standing_of_out(fact, at, moments.opt_in, &opt_ins),
            });
        }
        if let Some(at) = moments.opt_in {
            let fact = Fact { direction: Direction::In, ..fact.clone() };
            let standing = standing_of_in(&fact, at, moments.out, &claims);
            judged.push(Judged { fact, at, standing });
        }
    }
    judged
}

/// Claims that differ only in their batch are one claim; facts carry the direction `Out` here.
type Claims = BTreeMap<Fact, Moments>;

fn counting_claims(state: &IdentityState, retractions: &Retractions) -> Claims {
    let mut claims = Claims::new();
    for (claim, moments) in &state.claims {
        let Some(moments) = retractions.remaining(state, claim, *moments) else { continue };
        let fact = Fact {
            direction: Direction::Out,
            mechanism: claim.mechanism.clone(),
            scope: claim.scope.clone(),
            claimant: claim.claimant.clone(),
        };
        claims.entry(fact).or_default().merge(moments);
    }
    claims
}

/// The person's own opt-ins that stand against the person's own opt-out of the same name, but for
/// those of a number's former owner.
fn proven_opt_ins(claims: &Claims) -> Vec<(&Fact, Time)> {
    claims
        .iter()
        .filter(|(fact, _)| fact.claimant == Claimant::Person)
        .filter_map(|(fact, moments)| Some((fact, moments.opt_in?)))
        .filter(|(fact, at)| reassigned_since(fact, *at, claims).is_none())
        .collect()
}

fn standing_of_out(fact: &Fact, at: Time, withdrawn: Option<Time>, opt_ins: &[(&Fact, Time)]) -> Standing {
    let spec = fact.mechanism.spec();
    if spec.ended_by == EndedBy::Nobody {
        return Standing::InForce;
    }
    // A person's own `in` of the same claim counts among the opt-ins, unless the number has changed hands.
    if let Some(withdrawn) = withdrawn.filter(|_| fact.claimant != Claimant::Person)
        && withdrawn > at
    {
        return Standing::Withdrawn { at: withdrawn };
    }
    let ending = opt_ins.iter().filter(|(_, opt_in)| *opt_in > at).find(|(opt_in, _)| match spec.ended_by {
        EndedBy::Person => {
            opt_in.mechanism.spec().channels.includes(spec.channels) && opt_in.scope.covers(&fact.scope)
        }
        EndedBy::Same => opt_in.mechanism == fact.mechanism && opt_in.scope == fact.scope,
        EndedBy::Source => fact.claimant == Claimant::Person && **opt_in == *fact,
        EndedBy::Nobody => false,
    });
    match ending {
        Some((opt_in, at)) if **opt_in == *fact => Standing::Withdrawn { at: *at },
        Some((_, at)) => Standing::EndedByPerson { at: *at },
        None => Standing::InForce,
    }
}

fn standing_of_in(fact: &Fact, at: Time, out: Option<Time>, claims: &Claims) -> Standing {
    // Ties go to the opt-out.
    if let Some(out) = out
        && out >= at
    {
        return Standing::Withdrawn { at: out };
    }
    if fact.claimant != Claimant::Person {
        return Standing::SourcesWord;
    }
    if let Some(at) = reassigned_since(fact, at, claims) {
        return Standing::Reassigned { at };
    }
    let overtaking =
        claims.iter().filter_map(|(other, moments)| Some((other, moments.out?))).find(|(other, out)| {
            let spec = other.mechanism.spec();
            *out >= at
                && spec.voids_consent
                && spec.channels.includes(fact.mechanism.spec().channels)
                && other.scope.covers(&fact.scope)
        });
    match overtaking {
        Some((_, at)) => Standing::Overtaken { at },
        None => Standing::InForce,
    }
}

fn reassigned_since(fact: &Fact, at: Time, claims: &Claims) -> Option<Time> {
    claims
        .iter()
        .filter(|(other, _)| other.mechanism.as_str() == "phone.reassigned")
        .filter(|(other, _)| other.mechanism.spec().channels.includes(fact.mechanism.spec().channels))
        .filter_map(|(_, moments)| moments.out)
        .find(|out| *out >= at)
}
