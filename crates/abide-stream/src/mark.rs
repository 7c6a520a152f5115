//! What stands beside a committed offset: how far the journal has to be read before its partition is judged.

use std::fmt;

use abide_model::{Positions, Token};

const PREFIX: &str = "abide";

/// Owners remembered at the most. One that so many others have come after is older than any list that may answer.
const TOKENS_MAX: usize = 64;

/// The last token of each owner that met opt-outs in a partition, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(Vec<Token>);

impl Mark {
    /// Of what others write beside an offset nothing is known, and nothing waited for.
    pub(crate) fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        if words.next() != Some(PREFIX) {
            return Self::default();
        }
        let token = |word: &str| {
            let (origin, position) = word.split_once(':')?;
            Some(Token { origin: origin.parse().ok()?, position: position.parse().ok()? })
        };
        Self(words.filter_map(token).collect())
    }

    pub(crate) fn advance(&mut self, token: &Token) {
        self.0.retain(|held| held.origin != token.origin);
        self.0.push(token.clone());
        let surplus = self.0.len().saturating_sub(TOKENS_MAX);
        self.0.drain(..surplus);
    }

    pub(crate) fn is_reached(&self, positions: &Positions) -> bool {
        self.0.iter().all(|token| positions.reach(token))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|token| write!(f, " {token}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let token = |origin: &str, position| Token { origin: origin.parse().unwrap(), position };
        let mut mark = Mark::default();
        mark.advance(&token("eu-1", 7));
        mark.advance(&token("us-1", 2));
        mark.advance(&token("eu-1", 9));
        assert_eq!(mark.to_string(), "abide us-1:2 eu-1:9");
        assert_eq!(Mark::parse(&mark.to_string()), mark);
        assert_eq!(Mark::parse("whatever others keep here"), Mark::default());
        let positions =
            |eu| Positions::from_iter([("eu-1".parse().unwrap(), eu), ("us-1".parse().unwrap(), 2)]);
        assert!(mark.is_reached(&positions(9)) && !mark.is_reached(&positions(8)));
    }
}
