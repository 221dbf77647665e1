//! Whether a pattern and a grant have a file in common.

use std::collections::HashSet;

use super::{Glob, Name, Piece};
use crate::grant::{self, Pattern};

/// Steps after which it is not looked further: patterns are strangers'.
const MAX_STEPS: usize = 500_000;

/// How far it may be looked. Where that is not far enough, there may be a file.
#[derive(Debug)]
pub struct Effort(usize);

impl Default for Effort {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Effort {
    /// Takes a step, if there is one left.
    fn step(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }
}

impl Glob {
    /// Tells whether the pattern means a file that a grant stands for.
    pub fn overlaps(&self, granted: &Pattern, effort: &mut Effort) -> bool {
        let granted: Vec<Name> = granted.names().iter().map(Name::from).collect();
        self.overlaps_names(&granted, effort)
    }

    /// Returns the names with which it begins that leave nothing to choose.
    pub fn literal_start(&self) -> Vec<&str> {
        let literals = self.names.iter().map_while(|name| match name {
            Name::Literal(literal) => Some(literal.as_str()),
            _ => None,
        });
        literals.collect()
    }
}

impl From<&grant::Name> for Name {
    fn from(name: &grant::Name) -> Self {
        match name {
            grant::Name::AnyNames => Self::AnyNames,
            grant::Name::Literal(literal) => Self::Literal(literal.clone()),
            grant::Name::Glob(glob) => Self::Pieces(
                glob.iter()
                    .map(|c| match c {
                        '*' => Piece::Any,
                        '?' => Piece::One,
                        c => Piece::Char(*c),
                    })
                    .collect(),
            ),
        }
    }
}

impl Glob {
    fn overlaps_names(&self, granted: &[Name], effort: &mut Effort) -> bool {
        let mut ours = self.names.clone();
        if self.is_folder {
            ours.push(Name::AnyNames);
        }
        // What it fits it fits with all below.
        let end = ours.len();
        let is_any = |name: &Name| *name == Name::AnyNames;
        leads_to_end((end, granted.len()), effort, |(o, g), effort| {
            match (ours.get(o), granted.get(g)) {
                (_, None) => Vec::new(),
                (None, Some(_)) => vec![(o, g + 1)],
                (Some(our), Some(theirs)) => {
                    let is_last = o + 1 == end;
                    let mut next = Vec::new();
                    if is_any(theirs) {
                        next.push((o, g + 1));
                    }
                    // At the end it stands for at least one name.
                    if is_any(our) && !is_last {
                        next.push((o + 1, g));
                    }
                    if our.overlaps(theirs, effort) {
                        let after = if is_any(theirs) { g } else { g + 1 };
                        if is_any(our) {
                            next.push((o, after));
                        }
                        if !is_any(our) || is_last {
                            next.push((o + 1, after));
                        }
                    }
                    next
                }
            }
        })
    }
}

impl Name {
    fn overlaps(&self, other: &Name, effort: &mut Effort) -> bool {
        match (self, other) {
            (Self::AnyNames, _) | (_, Self::AnyNames) => true,
            (Self::Literal(ours), Self::Literal(theirs)) => ours == theirs,
            (Self::Literal(literal), pieces) | (pieces, Self::Literal(literal)) => {
                pieces.matches(literal)
            }
            (Self::Pieces(ours), Self::Pieces(theirs)) => {
                let is_star = |piece: Option<&Piece>| piece == Some(&Piece::Any);
                leads_to_end((ours.len(), theirs.len()), effort, |(o, t), _| {
                    let (our, their) = (ours.get(o), theirs.get(t));
                    let mut next = Vec::new();
                    if is_star(our) {
                        next.push((o + 1, t));
                    }
                    if is_star(their) {
                        next.push((o, t + 1));
                    }
                    if let (Some(our), Some(their)) = (our, their)
                        && our.overlaps(their)
                    {
                        let after = |is_star, at: usize| if is_star { at } else { at + 1 };
                        let both = (after(is_star(Some(our)), o), after(is_star(Some(their)), t));
                        next.push(both);
                    }
                    next
                })
            }
        }
    }
}

impl Piece {
    /// Tells whether some character is what both stand for. Of two classes it may say so
    /// where there is none.
    fn overlaps(&self, other: &Piece) -> bool {
        match (self, other) {
            (Self::Char(c), other) | (other, Self::Char(c)) => {
                *other == Self::Any || other.matches(*c)
            }
            _ => true,
        }
    }
}

/// Tells whether steps lead from the beginning of two sequences to the end of both.
fn leads_to_end(
    end: (usize, usize),
    effort: &mut Effort,
    next: impl Fn((usize, usize), &mut Effort) -> Vec<(usize, usize)>,
) -> bool {
    let mut seen = HashSet::from([(0, 0)]);
    let mut left = vec![(0, 0)];
    while let Some(at) = left.pop() {
        if at == end || !effort.step() {
            return true;
        }
        let new = next(at, effort)
            .into_iter()
            .filter(|place| seen.insert(*place));
        left.extend(new.collect::<Vec<_>>());
    }
    false
}
