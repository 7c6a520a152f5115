//! From records to verdicts, many at a time, on one list. No broker, no clock, no waiting.

use std::{collections::HashMap, mem, path::Path, sync::Arc};

use abide_enforce::{Asked, Judge, Judgement, Notes, Panel, Part, Snapshot};
use abide_index::IndexError;
use abide_model::{Identifier, Keyring, Normaliser, Time, Uncertain, Verdict};
use abide_replica::Sighting;
use abide_values::{Found, Kind};
use tokio::time::Instant;

use crate::{
    config::{Config, InvalidConfig},
    fate::{self, Deed, Fate, Output, Stamp, Stopped},
    opt_outs::{Makings, Told},
    record::Record,
    route::{PARTS_MAX, People, Route},
    schemas::Schemas,
};

/// What a stream's records are judged by, but for the list.
pub(crate) struct Engine {
    rules: Arc<Rules>,
    keyring: Keyring,
    normaliser: Normaliser,
    /// What the seats were made for.
    made_for: Option<Arc<Snapshot>>,
    /// By route and by the identifiers that records come with: few, but for one that makes up many.
    seats: HashMap<(usize, Vec<Part>), usize>,
    seated: Vec<Seat>,
    /// Where the record before sits: the next one often comes with the same.
    last: usize,
    identifier: Identifier,
    undecodable: Arc<Judgement>,
}

/// The routes of a stream, which all its threads share.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) routes: Vec<Route>,
    by_topic: HashMap<String, usize>,
    pub(crate) dead_letter: String,
    list_age_max_micros: Option<i64>,
    pub(crate) schemas: Arc<Schemas>,
}

struct Seat {
    route: usize,
    asked: Asked,
    notes: Notes,
    /// The places in the run of those who sit here.
    records: Vec<usize>,
}

/// Records judged on one list: they end before the first opt-out, which changes it.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) fates: Vec<Fate>,
    /// Of the record after the last; none where all were judged.
    pub(crate) signals: Vec<Told>,
}

/// To which records it is listened for opt-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listening {
    ToAll,
    /// The first was heard.
    NotToTheFirst,
    /// All were heard.
    ToNone,
}

const SEATS_MAX: usize = 64;

impl Rules {
    pub(crate) fn new(config: &Config, folder: &Path) -> Result<Self, InvalidConfig> {
        let schemas = Arc::default();
        let routes: Vec<Route> = config
            .routes
            .iter()
            .map(|route| Route::new(route, folder, &schemas))
            .collect::<Result<_, _>>()
            .map_err(InvalidConfig)?;
        let topics = routes.iter().enumerate();
        let by_topic = topics
            .flat_map(|(at, route)| route.topics.iter().map(move |topic| (topic.clone(), at)))
            .collect();
        let list_age_max_s = i64::try_from(config.stream.list_age_max_s).unwrap_or(i64::MAX);
        Ok(Self {
            routes,
            by_topic,
            dead_letter: config.stream.dead_letter.clone(),
            list_age_max_micros: (list_age_max_s > 0).then(|| list_age_max_s.saturating_mul(1_000_000)),
            schemas,
        })
    }

    pub(crate) fn read_topics(&self) -> impl Iterator<Item = &str> {
        self.by_topic.keys().map(String::as_str)
    }

    pub(crate) fn route_of(&self, topic: &str) -> Option<usize> {
        self.by_topic.get(topic).copied()
    }

    /// Whether nothing may be judged on this list, since it is too old.
    pub(crate) fn is_stale(&self, sighting: Sighting, now: Time) -> bool {
        let age = || sighting.age_micros(now, Instant::now().into_std());
        self.list_age_max_micros.is_some_and(|max| age() > max)
    }

    /// What is done with a record of a route, and what is to be produced for it, if anything.
    pub(crate) fn follow<'r>(
        &'r self,
        route: usize,
        record: &Record<'r>,
        fate: &Fate,
        stamp: &Stamp,
    ) -> Result<(Deed, Option<Output<'r>>), Stopped> {
        let route = &self.routes[route];
        fate::follow(record, fate, route.asks.as_ref(), &route.reading, &self.dead_letter, stamp)
    }

    /// Finds the routes of records, of which many come from one topic in a row.
    pub(crate) fn finder<'r>(&'r self) -> impl FnMut(&Record<'r>) -> usize {
        let mut last: Option<(&str, usize)> = None;
        move |record| match last {
            Some((topic, route)) if topic == record.topic => route,
            _ => {
                let route = self.route_of(record.topic).expect("only topics of routes are read");
                last = Some((record.topic, route));
                route
            }
        }
    }

    /// The first of the records that cannot be judged before its schema is known, and that schema.
    pub(crate) fn unknown_schema(&self, records: &[Record<'_>], now: Time) -> Option<(usize, (Kind, u32))> {
        let mut find_route = self.finder();
        records.iter().enumerate().find_map(|(at, record)| {
            let needed = self.routes[find_route(record)].reading.needs(record);
            needed.filter(|(kind, id)| self.schemas.lacks(*kind, *id, now)).map(|schema| (at, schema))
        })
    }
}

impl Engine {
    pub(crate) fn new(rules: Arc<Rules>, keyring: Keyring, normaliser: Normaliser) -> Self {
        let verdict = Verdict::CannotTell { why: Uncertain::Undecodable };
        Self {
            undecodable: Arc::new(Judgement { verdict, partly: false }),
            rules,
            keyring,
            normaliser,
            made_for: None,
            seats: HashMap::new(),
            seated: Vec::new(),
            last: 0,
            identifier: Identifier::blank(),
        }
    }

    /// Judges records in their order, as far as the first opt-out among those that are listened to.
    pub(crate) fn judge(
        &mut self,
        snapshot: &Arc<Snapshot>,
        records: &[Record<'_>],
        now: Time,
        clock: Time,
        listening: Listening,
    ) -> Result<Run, IndexError> {
        self.begin(snapshot);
        let rules = self.rules.clone();
        let mut run = Run::default();
        let mut found: Vec<Found<'_>> = Vec::new();
        let mut people = People::default();
        let mut find_route = rules.finder();
        for record in records {
            let at = run.fates.len();
            let route_at = find_route(record);
            let route = &rules.routes[route_at];
            match route.people(record, &mut found, &mut people) {
                Err(cause) => run.fates.push(Fate::Poison(cause)),
                Ok(()) => {
                    if people.is_opt_out
                        && let Some(opt_outs) = &route.opt_outs
                    {
                        let makings =
                            Makings { keyring: &self.keyring, normaliser: &self.normaliser, now, clock };
                        let is_heard = match listening {
                            Listening::ToAll => false,
                            Listening::NotToTheFirst => at == 0,
                            Listening::ToNone => true,
                        };
                        match opt_outs.signals(&route.reading, record, &makings) {
                            Ok(signals) if signals.is_empty() || is_heard => {}
                            Ok(signals) => {
                                run.signals = signals;
                                break;
                            }
                            Err(cause) => {
                                run.fates.push(Fate::Poison(cause));
                                continue;
                            }
                        }
                    }
                    // A tombstone says of nobody anything; it takes away what was said under its key.
                    if route.asks.is_none() || record.value.is_none() {
                        run.fates.push(Fate::Unasked);
                    } else {
                        run.fates.push(self.seat(snapshot, route_at, &people, at));
                    }
                }
            }
        }
        self.answer(snapshot, &mut run.fates, now)?;
        Ok(run)
    }

    fn begin(&mut self, snapshot: &Arc<Snapshot>) {
        let is_current = self.made_for.as_ref().is_some_and(|held| Arc::ptr_eq(held, snapshot));
        if !is_current || self.seated.len() > SEATS_MAX {
            self.seats.clear();
            self.seated.clear();
            self.made_for = Some(snapshot.clone());
        }
        for seat in &mut self.seated {
            seat.asked.clear();
            seat.records.clear();
        }
    }

    /// Notes a record for [`Engine::answer`]; what stands for it until then is what holds if nobody answers.
    fn seat(&mut self, snapshot: &Snapshot, route: usize, people: &People<'_>, record: usize) -> Fate {
        if people.parts.len() <= PARTS_MAX {
            let at = self.seat_for(snapshot, route, &people.parts);
            let seat = &mut self.seated[at];
            seat.asked.begin();
            seat.records.push(record);
            for (part, written) in people.written.iter().enumerate() {
                let read = match written {
                    Ok(written) => written.read_into(&self.normaliser, &mut self.identifier),
                    Err(invalid) => Err(*invalid),
                };
                seat.asked.note(part, read.as_ref().map(|()| &self.identifier));
            }
        }
        Fate::Judged(self.undecodable.clone())
    }

    fn seat_for(&mut self, snapshot: &Snapshot, route: usize, parts: &[Part]) -> usize {
        let is_last = |seat: &Seat| seat.route == route && seat.asked.panel().0 == parts;
        if !self.seated.get(self.last).is_some_and(is_last) {
            let (seated, keyring) = (&mut self.seated, &self.keyring);
            self.last = *self.seats.entry((route, parts.to_vec())).or_insert_with(|| {
                let asked = Asked::new(Panel(parts.to_vec()), snapshot.held(), keyring.clone(), true);
                seated.push(Seat { route, asked, notes: Notes::default(), records: Vec::new() });
                seated.len() - 1
            });
        }
        self.last
    }

    fn answer(&mut self, snapshot: &Arc<Snapshot>, fates: &mut [Fate], now: Time) -> Result<(), IndexError> {
        for seat in self.seated.iter_mut().filter(|seat| !seat.asked.is_empty()) {
            let asks = self.rules.routes[seat.route].asks.as_ref().expect("others are not seated");
            let options = asks.options(now, self.rules.list_age_max_micros);
            let mut judge = Judge::resume(snapshot, options, mem::take(&mut seat.notes));
            let known = judge.look_up(&seat.asked)?;
            for (person, record) in seat.records.iter().enumerate() {
                let judgement = judge.verdict(&seat.asked, &known, person, &asks.action, &asks.context);
                fates[*record] = Fate::Judged(judgement);
            }
            seat.notes = judge.into_notes();
        }
        Ok(())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("seats", &self.seated.len()).finish_non_exhaustive()
    }
}
