//! Facts and states as bytes. The layout stands in `docs/formats/index.md`.

use abide_model::{
    Claim, Direction, Fact, FactSet, Form, IdentifierKind, IdentityState, Key, Moments, Time, TypedKey,
};

use super::undecodable;
use super::{
    bytes::{Input, write_number, write_signed},
    words::Words,
};
use crate::{IndexError, Section};

pub(super) fn write_facts(facts: &FactSet, words: &mut Words, into: &mut Vec<u8>) {
    for fact in facts {
        write_number(words.mechanisms.number(&fact.mechanism), into);
        let direction = u64::from(fact.direction == Direction::In);
        write_number(words.scopes.number(&fact.scope) << 1 | direction, into);
        write_number(words.claimants.number(&fact.claimant), into);
    }
}

pub(super) fn read_facts(bytes: &[u8], words: &Words) -> Result<FactSet, IndexError> {
    let mut input = Input(bytes);
    let mut facts = Vec::new();
    while !input.is_empty() {
        let mechanism = words.mechanisms.word(input.number()?)?.clone();
        let scope = input.number()?;
        let direction = if scope & 1 == 1 { Direction::In } else { Direction::Out };
        let scope = words.scopes.word(scope >> 1)?.clone();
        let claimant = words.claimants.word(input.number()?)?.clone();
        facts.push(Fact { direction, mechanism, scope, claimant });
    }
    Ok(FactSet::from_ordered(facts))
}

const HAS_OUT: u64 = 1;
const HAS_IN: u64 = 2;
const HAS_DOMAIN: u8 = 0x80;

pub(super) fn write_state(state: &IdentityState, words: &mut Words, into: &mut Vec<u8>) {
    let domain = if state.domain.is_some() { HAS_DOMAIN } else { 0 };
    into.push(state.kind.code() | domain);
    write_form(state.primary, into);
    state.aliases.iter().for_each(|alias| write_form(*alias, into));
    if let Some(domain) = state.domain {
        into.extend(domain.0);
    }
    // Times of one identity lie close together, so each is written as the step from the one before.
    let mut before = 0;
    let mut write_time = |time: Time, into: &mut Vec<u8>| {
        write_signed(time.as_micros().wrapping_sub(before), into);
        before = time.as_micros();
    };
    for (claim, moments) in &state.claims {
        let present =
            (u64::from(moments.out.is_some()) * HAS_OUT) | (u64::from(moments.opt_in.is_some()) * HAS_IN);
        write_number(words.mechanisms.number(&claim.mechanism) << 2 | present, into);
        write_number(words.scopes.number(&claim.scope), into);
        write_number(words.claimants.number(&claim.claimant), into);
        write_number(words.batches.number(&claim.batch), into);
        [moments.out, moments.opt_in].into_iter().flatten().for_each(|time| write_time(time, into));
    }
}

pub(super) fn read_state(
    primary: Key,
    aliases: &[[u8; 16]],
    bytes: &[u8],
    words: &Words,
) -> Result<IdentityState, IndexError> {
    let mut input = Input(bytes);
    let mut state = read_keys(primary, aliases, &mut input)?;
    let mut before = 0_i64;
    let mut read_time = |input: &mut Input<'_>| -> Result<Time, IndexError> {
        before = before.wrapping_add(input.signed()?);
        Ok(Time::from_micros(before))
    };
    while !input.is_empty() {
        let mechanism = input.number()?;
        let present = mechanism & 3;
        let claim = Claim {
            mechanism: words.mechanisms.word(mechanism >> 2)?.clone(),
            scope: words.scopes.word(input.number()?)?.clone(),
            claimant: words.claimants.word(input.number()?)?.clone(),
            batch: words.batches.word(input.number()?)?.clone(),
        };
        let mut moments = Moments::default();
        if present & HAS_OUT != 0 {
            moments.out = Some(read_time(&mut input)?);
        }
        if present & HAS_IN != 0 {
            moments.opt_in = Some(read_time(&mut input)?);
        }
        state.claims.insert(claim, moments);
    }
    Ok(state)
}

/// A state up to its claims, which follow in the input.
pub(super) fn read_keys(
    primary: Key,
    aliases: &[[u8; 16]],
    input: &mut Input<'_>,
) -> Result<IdentityState, IndexError> {
    let head = input.byte()?;
    let kind = IdentifierKind::from_code(head & !HAS_DOMAIN).ok_or_else(|| undecodable(Section::Records))?;
    let mut state = IdentityState::new(kind, read_form(primary, input)?);
    for alias in aliases {
        state.aliases.insert(read_form(Key(*alias), input)?);
    }
    if head & HAS_DOMAIN != 0 {
        state.domain = Some(Key(input.array()?));
    }
    Ok(state)
}

/// Form and normaliser version in one number: the form has three bits.
fn write_form(key: TypedKey, into: &mut Vec<u8>) {
    write_number(u64::from(key.version) << FORM_BITS | u64::from(key.form.code()), into);
}

const FORM_BITS: u32 = 3;
const FORM_MASK: u64 = (1 << FORM_BITS) - 1;
const _: () = {
    let mut at = 0;
    while at < Form::ALL.len() {
        assert!((Form::ALL[at].code() as u64) <= FORM_MASK);
        at += 1;
    }
};

fn read_form(key: Key, input: &mut Input<'_>) -> Result<TypedKey, IndexError> {
    let number = input.number()?;
    let damaged = || undecodable(Section::Records);
    let form = Form::from_code(u8::try_from(number & FORM_MASK).expect("three bits")).ok_or_else(damaged)?;
    Ok(TypedKey { key, form, version: u16::try_from(number >> FORM_BITS).map_err(|_| damaged())? })
}

/// A state with its keys, for scratch files outside an index.
pub(super) fn write_whole(state: &IdentityState, words: &mut Words, into: &mut Vec<u8>) {
    into.extend(state.primary.key.0);
    write_number(state.aliases.len() as u64, into);
    state.aliases.iter().for_each(|alias| into.extend(alias.key.0));
    write_state(state, words, into);
}

pub(super) fn read_whole(bytes: &[u8], words: &Words) -> Result<IdentityState, IndexError> {
    let mut input = Input(bytes);
    let primary = Key(input.array()?);
    let aliases = (0..input.number()?).map(|_| input.array()).collect::<Result<Vec<[u8; 16]>, _>>()?;
    read_state(primary, &aliases, input.0, words)
}
