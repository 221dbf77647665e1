//! The places that scores get.

use serde::Serialize;

use crate::scores::{Found, Score, Skipped};

/// The best scores, and whose were left out.
#[derive(Debug, Serialize)]
pub struct Ranking {
    pub places: Vec<Place>,
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Place {
    /// Counted from 1; equal scores share one.
    pub rank: usize,
    pub datasite: String,
    pub model: String,
    pub score: f64,
}

impl Ranking {
    /// Returns the best `n`. Equal scores stand in the order of their names.
    pub fn new(found: Found, n: usize) -> Ranking {
        let mut scores = found.scores;
        scores.sort_by(|a, b| {
            let by_name = || (&a.datasite, &a.model).cmp(&(&b.datasite, &b.model));
            b.score.total_cmp(&a.score).then_with(by_name)
        });
        scores.truncate(n);
        let mut places: Vec<Place> = Vec::new();
        for (index, score) in scores.into_iter().enumerate() {
            let rank = match places.last() {
                Some(last) if last.score == score.score => last.rank,
                _ => index + 1,
            };
            places.push(Place::new(rank, score));
        }
        Ranking {
            places,
            skipped: found.skipped,
        }
    }
}

impl Place {
    fn new(rank: usize, score: Score) -> Place {
        Place {
            rank,
            datasite: score.datasite,
            model: score.model,
            score: score.score,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_the_best_first_and_equals_alike() {
        let score = |datasite: &str, model: &str, score| Score {
            datasite: datasite.to_owned(),
            model: model.to_owned(),
            score,
        };
        let found = Found {
            scores: vec![
                score("c", "m", 0.5),
                score("b", "m", 0.9),
                score("a", "n", 0.5),
                score("a", "m", 0.5),
                score("d", "m", -1.0),
            ],
            skipped: Vec::new(),
        };
        let ranking = Ranking::new(found, 4);
        let places = ranking.places.iter();
        let places: Vec<_> = places
            .map(|place| (place.rank, &*place.datasite, &*place.model))
            .collect();
        let expected = [(1, "b", "m"), (2, "a", "m"), (2, "a", "n"), (2, "c", "m")];
        assert_eq!(places, expected);
    }
}
