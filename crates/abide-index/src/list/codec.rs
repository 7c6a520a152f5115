//! Facts and states as bytes. The layout stands in `docs/formats/index.md`.

use abide_model::{
    Claim, Direction, Fact, FactSet, Form, IdentifierKind, IdentityState, Key, Moments, Time, TypedKey,
};

use super::undecodable;
use super::{
    bytes::{Input, write_number, write_signed},
    record::{Record, RecordHead},
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

/// The numbers of a claim's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClaimWords {
    pub(super) mechanism: u64,
    pub(super) scope: u64,
    pub(super) claimant: u64,
    pub(super) batch: u64,
}

pub(super) fn write_state(state: &IdentityState, words: &mut Words, into: &mut Vec<u8>) {
    write_head(state.kind, state.primary, &state.aliases, state.domain, into);
    // Times of one identity lie close together, so each is written as the step from the one before.
    let mut before = 0;
    for (claim, moments) in &state.claims {
        let numbers = ClaimWords {
            mechanism: words.mechanisms.number(&claim.mechanism),
            scope: words.scopes.number(&claim.scope),
            claimant: words.claimants.number(&claim.claimant),
            batch: words.batches.number(&claim.batch),
        };
        write_claim(numbers, *moments, &mut before, into);
    }
}

fn write_head<'a>(
    kind: IdentifierKind,
    primary: TypedKey,
    aliases: impl IntoIterator<Item = &'a TypedKey>,
    domain: Option<Key>,
    into: &mut Vec<u8>,
) {
    into.push(kind.code() | if domain.is_some() { HAS_DOMAIN } else { 0 });
    write_form(primary, into);
    aliases.into_iter().for_each(|alias| write_form(*alias, into));
    if let Some(domain) = domain {
        into.extend(domain.0);
    }
}

fn write_claim(words: ClaimWords, moments: Moments, before: &mut i64, into: &mut Vec<u8>) {
    let present =
        (u64::from(moments.out.is_some()) * HAS_OUT) | (u64::from(moments.opt_in.is_some()) * HAS_IN);
    write_number(words.mechanism << 2 | present, into);
    write_number(words.scope, into);
    write_number(words.claimant, into);
    write_number(words.batch, into);
    for time in [moments.out, moments.opt_in].into_iter().flatten() {
        write_signed(time.as_micros().wrapping_sub(*before), into);
        *before = time.as_micros();
    }
}

/// All of a record of one claim but the claim.
pub(super) fn write_keys(
    kind: IdentifierKind,
    primary: TypedKey,
    aliases: &[TypedKey],
    domain: Option<Key>,
    into: &mut Vec<u8>,
) {
    into.extend(primary.key.0);
    write_number(aliases.len() as u64, into);
    aliases.iter().for_each(|alias| into.extend(alias.key.0));
    write_head(kind, primary, aliases, domain, into);
}

pub(super) fn write_first_claim(words: ClaimWords, direction: Direction, at: Time, into: &mut Vec<u8>) {
    let moments = match direction {
        Direction::Out => Moments { out: Some(at), opt_in: None },
        Direction::In => Moments { out: None, opt_in: Some(at) },
    };
    write_claim(words, moments, &mut 0, into);
}

pub(super) fn read_claim(
    input: &mut Input<'_>,
    before: &mut i64,
) -> Result<(ClaimWords, Moments), IndexError> {
    let mechanism = input.number()?;
    let present = mechanism & 3;
    let words = ClaimWords {
        mechanism: mechanism >> 2,
        scope: input.number()?,
        claimant: input.number()?,
        batch: input.number()?,
    };
    let mut read_time = || -> Result<Time, IndexError> {
        *before = before.wrapping_add(input.signed()?);
        Ok(Time::from_micros(*before))
    };
    let mut moments = Moments::default();
    if present & HAS_OUT != 0 {
        moments.out = Some(read_time()?);
    }
    if present & HAS_IN != 0 {
        moments.opt_in = Some(read_time()?);
    }
    Ok((words, moments))
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
    while !input.is_empty() {
        let (numbers, moments) = read_claim(&mut input, &mut before)?;
        let claim = Claim {
            mechanism: words.mechanisms.word(numbers.mechanism)?.clone(),
            scope: words.scopes.word(numbers.scope)?.clone(),
            claimant: words.claimants.word(numbers.claimant)?.clone(),
            batch: words.batches.word(numbers.batch)?.clone(),
        };
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
    let mut state = IdentityState::new(kind_of(head)?, read_form(primary, input)?);
    for alias in aliases {
        state.aliases.insert(read_form(Key(*alias), input)?);
    }
    if head & HAS_DOMAIN != 0 {
        state.domain = Some(Key(input.array()?));
    }
    Ok(state)
}

/// The same without the keys.
pub(super) fn skip_keys(aliases: usize, input: &mut Input<'_>) -> Result<RecordHead, IndexError> {
    let head = input.byte()?;
    let primary = read_form(NO_KEY, input)?;
    for _ in 0..aliases {
        input.number()?;
    }
    if head & HAS_DOMAIN != 0 {
        input.array::<16>()?;
    }
    Ok(RecordHead { kind: kind_of(head)?, form: primary.form, aliases })
}

const NO_KEY: Key = Key([0; 16]);

/// See [`Record::alike`].
pub(super) fn before_only_out(aliases: usize, state: &[u8]) -> Result<Option<&[u8]>, IndexError> {
    let mut input = Input(state);
    let has_domain = state.first().is_some_and(|head| head & HAS_DOMAIN != 0);
    if has_domain {
        return Ok(None);
    }
    skip_keys(aliases, &mut input)?;
    if input.is_empty() {
        return Ok(None);
    }
    let present = input.number()? & 3;
    for _ in ["scope", "claimant", "batch"] {
        input.number()?;
    }
    let before = &state[..state.len() - input.0.len()];
    if present != HAS_OUT {
        return Ok(None);
    }
    input.signed()?;
    Ok(input.is_empty().then_some(before))
}

fn kind_of(head: u8) -> Result<IdentifierKind, IndexError> {
    IdentifierKind::from_code(head & !HAS_DOMAIN).ok_or_else(|| undecodable(Section::Records))
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

pub(super) fn write_record(record: &Record<'_>, into: &mut Vec<u8>) {
    into.extend(record.primary.0);
    write_number(record.aliases.len() as u64, into);
    into.extend_from_slice(record.aliases.as_flattened());
    into.extend_from_slice(record.state);
}

pub(super) fn read_record(bytes: &[u8]) -> Result<Record<'_>, IndexError> {
    let mut input = Input(bytes);
    let primary = Key(input.array()?);
    read_rest(primary, input.0)
}

/// A record's bytes after its primary key.
pub(super) fn read_rest(primary: Key, bytes: &[u8]) -> Result<Record<'_>, IndexError> {
    let mut input = Input(bytes);
    let keys = input.number()?;
    let bytes = usize::try_from(keys).ok().and_then(|keys| keys.checked_mul(16));
    let split = bytes.and_then(|bytes| input.0.split_at_checked(bytes));
    let (aliases, state) = split.ok_or_else(|| undecodable(Section::Records))?;
    Ok(Record { primary, aliases: aliases.as_chunks().0, state })
}
