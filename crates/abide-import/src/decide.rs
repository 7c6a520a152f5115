//! Settles what a file means: as the user said, else as it is recognised, else not at all.

use abide_formats::Format;
use abide_model::{Claimant, Mechanism, PhoneRegion, Scope, Time, mechanism::SaidBy};
use abide_signals::{
    ColumnGuess, ColumnRef, DateReader, Export, Flag, FlagReader, IdColumn, OutWhen, Recognised,
    columns::{self, Columns, NoSuchColumn},
    flags::{ScopeOf, kind_of},
    words::{self, Word},
};

use crate::{
    error::ImportError,
    hints::Hints,
    meaning::{Meaning, described},
    sample::Sample,
};

/// What was settled, and the sentences that say so aloud.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) meaning: Meaning,
    pub(crate) sentences: Vec<String>,
}

pub(crate) fn decide(
    file: &str,
    sample: &Sample,
    hints: &Hints,
    region: PhoneRegion,
) -> Result<Decided, ImportError> {
    let decision =
        Decision { file, sample, hints, region, header: sample.table.header(), sentences: Vec::new() };
    decision.make()
}

struct Decision<'a> {
    file: &'a str,
    sample: &'a Sample,
    hints: &'a Hints,
    region: PhoneRegion,
    header: Option<Vec<&'a str>>,
    sentences: Vec<String>,
}

impl Decision<'_> {
    fn make(mut self) -> Result<Decided, ImportError> {
        self.refuse_numbered_members()?;
        let recognised = self.recognise()?;
        let (ids, told) = match recognised {
            Some(export) => self.of_export(export)?,
            None => {
                let columns = self.columns()?;
                (self.ids(columns.as_ref())?, self.plain_flags(columns.as_ref())?)
            }
        };
        let claimant = self.claimant(&told)?;
        let Told { flags, stated_at, dates, .. } = told;
        let mut flags = FlagReader { stated_at, dates, ..FlagReader::new(flags, claimant) };
        if let Some(at) = &self.hints.at {
            flags.at = Some(self.found(at.find(self.header.as_deref(), self.sample.table.width()))?);
            flags.flags.iter_mut().for_each(|flag| flag.at = None);
            self.sentences.push(format!("column `{at}` dates each choice"));
        }
        if let (Some(day), None) = (flags.stated_at, flags.at) {
            self.sentences.push(format!("every row counts from {day}, the day in the file's name"));
        }
        if self.hints.dates.is_some() {
            flags.dates = DateReader::new(self.hints.dates);
        }
        let meaning = Meaning { ids, flags };
        if let Some(flag) = meaning.unaddressed() {
            let kind = flag.on.expect("what is about all identifiers is about any");
            let (file, mechanism) = (self.file.to_owned(), flag.mechanism.clone());
            return Err(ImportError::NoColumnOfKind { file, mechanism, kind });
        }
        self.sentences.push(format!("it is the word of {}", name_of(&meaning.flags.claimant)));
        Ok(Decided { meaning, sentences: self.sentences })
    }

    /// The members of JSON objects have no order that counts.
    fn refuse_numbered_members(&self) -> Result<(), ImportError> {
        let ids = self.hints.ids.iter().map(|id| &id.column);
        let flags = self.hints.flags.iter().map(|flag| &flag.column);
        let mut named = ids.chain(flags).chain(&self.hints.at);
        let is_ndjson = self.sample.table.layout.format() == Format::Ndjson;
        if is_ndjson && named.any(|column| matches!(column, ColumnRef::Numbered(_))) {
            return Err(ImportError::NumberedMember { file: self.file.to_owned() });
        }
        Ok(())
    }

    /// A vendor's export, unless the user says what the rows mean.
    fn recognise(&self) -> Result<Option<Recognised>, ImportError> {
        let found = Export::recognise(self.file, self.header.as_deref(), &self.sample.rows());
        let says_all = !self.hints.flags.is_empty() || self.hints.all_rows;
        match (&self.hints.mechanism, found) {
            _ if says_all => Ok(None),
            (None, found) => {
                let unimportable = |source| ImportError::Unimportable { file: self.file.to_owned(), source };
                found.map_err(unimportable)
            }
            (Some(mechanism), Ok(Some(export))) => {
                let (every_row, some_rows): (Vec<&Flag>, Vec<&Flag>) =
                    export.flags.flags.iter().partition(|flag| flag.out_when == OutWhen::EveryRow);
                if !some_rows.is_empty() {
                    let (file, vendor) = (self.file.to_owned(), export.vendor.to_string());
                    return Err(ImportError::VendorFlags { file, vendor });
                }
                // What the user says and what the file is agree: its columns are known.
                let agrees = every_row.iter().any(|flag| flag.mechanism == *mechanism);
                Ok(agrees.then_some(export))
            }
            // The user's word stands for what the file itself does not say.
            (Some(_), _) => Ok(None),
        }
    }

    fn of_export(&mut self, export: Recognised) -> Result<(Vec<IdColumn>, Told), ImportError> {
        self.sentences.extend(export.sentences());
        if let Some(scope) = &self.hints.scope {
            self.sentences.push(format!("what is for everyone there is for {scope} here, as you said"));
        }
        if export.flags.flags.is_empty() {
            let (file, vendor) = (self.file.to_owned(), export.vendor.to_string());
            return Err(ImportError::NoFlags { file, vendor });
        }
        let ids = if !self.hints.ids.is_empty() {
            self.ids(None)?
        } else if export.ids.is_empty() {
            let columns = self.columns()?;
            self.ids(columns.as_ref())?
        } else {
            export.ids
        };
        let FlagReader { flags, claimant, stated_at, dates, .. } = export.flags;
        // A flag about what the file does not have (a number where there is no column for one) says
        // nothing that could be kept.
        let (about, not): (Vec<Flag>, Vec<Flag>) =
            flags.into_iter().partition(|flag| ids.iter().any(|id| crate::meaning::is_about(flag, id.role)));
        self.sentences.extend(not.iter().map(|flag| {
            let kind = flag.on.map_or("identifier", abide_model::IdentifierKind::as_str);
            format!("`{}` is not read: the file has no column of {kind}", flag.name)
        }));
        if let (true, Some(flag)) = (about.is_empty(), not.into_iter().next()) {
            let kind = flag.on.expect("what is about all identifiers is about any");
            return Err(ImportError::NoColumnOfKind {
                file: self.file.to_owned(),
                mechanism: flag.mechanism,
                kind,
            });
        }
        let about = about.into_iter().map(|flag| self.with_scope(flag)).collect();
        Ok((ids, Told { flags: about, claimant: Some(claimant), stated_at, dates }))
    }

    /// What each column looks like; `None` where the user named those to read.
    fn columns(&self) -> Result<Option<Columns>, ImportError> {
        if !self.hints.ids.is_empty() {
            return Ok(None);
        }
        let guessed = columns::guess(self.header.as_deref(), &self.sample.rows(), self.region);
        guessed.map(Some).map_err(|source| ImportError::Ambiguous { file: self.file.to_owned(), source })
    }

    fn ids(&mut self, columns: Option<&Columns>) -> Result<Vec<IdColumn>, ImportError> {
        let Some(columns) = columns else {
            let width = self.sample.table.width();
            let ids = self.hints.ids.iter().map(|id| self.found(id.bind(self.header.as_deref(), width)));
            let ids = ids.collect::<Result<Vec<_>, _>>()?;
            self.sentences
                .extend(ids.iter().map(|id| format!("column `{}` holds {}, as you said", id.name, id.role)));
            return Ok(ids);
        };
        let told = columns.all().iter().filter(|guess| guess.id().is_some() || self.is_worth_saying(guess));
        let told: Vec<String> = told.map(ToString::to_string).collect();
        self.sentences.extend(told);
        Ok(columns.ids().collect())
    }

    fn is_worth_saying(&self, guess: &ColumnGuess) -> bool {
        match guess.role {
            columns::Role::Time => self.hints.at.is_none(),
            columns::Role::Flag => self.hints.flags.is_empty() && !self.hints.all_rows,
            _ => false,
        }
    }

    /// What the rows of a file of nobody's mean: as the user said.
    fn plain_flags(&mut self, columns: Option<&Columns>) -> Result<Told, ImportError> {
        let width = self.sample.table.width();
        if !self.hints.flags.is_empty() {
            let flags =
                self.hints.flags.iter().map(|flag| self.found(flag.bind(self.header.as_deref(), width)));
            let flags =
                flags.map(|flag| flag.map(|flag| self.with_scope(flag))).collect::<Result<Vec<_>, _>>()?;
            self.sentences.extend(flags.iter().map(ToString::to_string));
            return Ok(Told { flags, ..Told::default() });
        }
        let otherwise = self.hints.otherwise.as_ref().filter(|_| self.hints.mechanism.is_none());
        let Some(mechanism) = self.hints.mechanism.as_ref().or(otherwise.map(|(mechanism, _)| mechanism))
        else {
            let looks = columns.map(candidates).unwrap_or_default();
            return Err(ImportError::NoMechanism { file: self.file.to_owned(), candidates: looks });
        };
        if !self.hints.all_rows
            && let Some(flag) =
                columns.into_iter().flat_map(Columns::flags).find(|flag| !self.says_out_only(flag))
        {
            let (file, column) = (self.file.to_owned(), flag.display_name());
            return Err(ImportError::Flagged { file, column: format!("'{column}'") });
        }
        let flag = self.with_scope(every_row(mechanism));
        self.sentences.push(format!("{flag}, about {}", described(&flag)));
        let claimant = otherwise.map(|(_, claimant)| claimant.clone());
        Ok(Told { flags: vec![flag], claimant, ..Told::default() })
    }

    /// Whether a column that looks like a flag says of every sampled row that it is out, so that it
    /// changes nothing.
    fn says_out_only(&self, flag: &ColumnGuess) -> bool {
        self.sample.rows.iter().all(|row| {
            row.get(flag.column).is_some_and(|text| {
                matches!(words::read(text), Some(Word::Out | Word::Bounced | Word::Complained))
            })
        })
    }

    fn with_scope(&self, flag: Flag) -> Flag {
        match (&self.hints.scope, &flag.scope) {
            (Some(scope), ScopeOf::Same(Scope::Everyone)) => {
                Flag { scope: ScopeOf::Same(scope.clone()), ..flag }
            }
            _ => flag,
        }
    }

    fn claimant(&self, told: &Told) -> Result<Claimant, ImportError> {
        if let Some(claimant) = self.hints.source.clone().or_else(|| told.claimant.clone()) {
            return Ok(claimant);
        }
        let of_source = told.flags.iter().find(|flag| flag.mechanism.spec().said_by == SaidBy::Source);
        match (of_source, &self.hints.otherwise) {
            (Some(_), Some((_, claimant))) => Ok(claimant.clone()),
            (Some(flag), None) => Err(ImportError::SourceNeeded { mechanism: flag.mechanism.clone() }),
            (None, _) => Ok(Claimant::Person),
        }
    }

    fn found<T>(&self, found: Result<T, NoSuchColumn>) -> Result<T, ImportError> {
        found.map_err(|source| ImportError::NoSuchColumn { file: self.file.to_owned(), source })
    }
}

/// Flags, and what a vendor's file tells of them.
#[derive(Default)]
struct Told {
    flags: Vec<Flag>,
    /// Whose word it is, unless the user says otherwise.
    claimant: Option<Claimant>,
    /// When, where no column tells.
    stated_at: Option<Time>,
    dates: DateReader,
}

/// Every row is an opt-out.
fn every_row(mechanism: &Mechanism) -> Flag {
    Flag {
        column: None,
        name: "every row".to_owned(),
        out_when: OutWhen::EveryRow,
        mechanism: mechanism.clone(),
        scope: ScopeOf::Same(Scope::Everyone),
        on: kind_of(mechanism),
        at: None,
    }
}

fn candidates(columns: &Columns) -> String {
    let names: Vec<String> = columns.flags().map(|flag| format!("`{}`", flag.display_name())).collect();
    if names.is_empty() { String::new() } else { format!("; {} looks like a flag", names.join(", ")) }
}

fn name_of(claimant: &Claimant) -> String {
    match claimant {
        Claimant::Person => "the people themselves".to_owned(),
        Claimant::Source(name) => format!("the source `{name}`"),
    }
}
