//! The ranking as a page of HTML.

use crate::places::{Place, Ranking};

const STYLE: &str = "body { font-family: sans-serif; margin: 2rem auto; max-width: 40rem }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ccc; padding: 0.4rem; text-align: left }";

/// Returns the page. All names in it are text, whatever they are made of.
pub fn render(ranking: &Ranking) -> String {
    let rows: String = ranking.places.iter().map(row).collect();
    let skipped = match ranking.skipped.len() {
        0 => String::new(),
        n => format!("<p>Left out: {n}. See ranking.json for whose and why.</p>\n"),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Leaderboard</title>\n\
         <style>\n{STYLE}\n</style>\n<h1>Leaderboard</h1>\n<table>\n\
         <tr><th>Rank<th>Model<th>Datasite<th>Score\n{rows}</table>\n{skipped}</html>\n"
    )
}

fn row(place: &Place) -> String {
    let [model, datasite] = [&place.model, &place.datasite].map(|name| escape(name));
    let Place { rank, score, .. } = place;
    format!("<tr><td>{rank}<td>{model}<td>{datasite}<td>{score}\n")
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::Skipped;

    #[test]
    fn names_are_text() {
        let ranking = Ranking {
            places: vec![Place {
                rank: 1,
                datasite: "\"o'x\"@x.org".to_owned(),
                model: "<script>a && b</script>".to_owned(),
                score: 0.5,
            }],
            skipped: vec![Skipped {
                datasite: "<b>".to_owned(),
                reason: "no reason",
            }],
        };
        let page = render(&ranking);
        let row = "<tr><td>1<td>&lt;script&gt;a &amp;&amp; b&lt;/script&gt;\
                   <td>&quot;o&#39;x&quot;@x.org<td>0.5\n";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("<p>Left out: 1."), "{page}");
        assert!(!page.contains("<script>"), "{page}");
    }
}
