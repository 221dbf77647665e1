//! Charts: a line over the last minutes, as SVG that needs no script.

use maud::{Markup, PreEscaped, html};

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// A chart.
pub(super) struct Chart<'a> {
    /// By which the page replaces it.
    pub(super) id: &'static str,
    /// What it shows.
    pub(super) title: &'static str,
    /// The values, the oldest first, at equal distances.
    pub(super) values: &'a [f64],
    /// How long the values go back.
    pub(super) since: String,
    /// Returns a value in words.
    pub(super) in_words: fn(f64) -> String,
}

impl Chart<'_> {
    /// Returns the chart as a figure, which says in words what it shows.
    pub(super) fn render(&self) -> Markup {
        let last = self.values.last().copied().unwrap_or_default();
        let most = self.values.iter().copied().fold(0.0, f64::max);
        let (now, top) = ((self.in_words)(last), (self.in_words)(most));
        let line = points(self.values, most);
        html! {
            figure.card #(self.id) data-live {
                figcaption { strong { (self.title) } span { (now) } }
                svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                    aria-label={ (self.title) ": now " (now) ", at most " (top) " in " (self.since) } {
                    line.axis x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                    @if !line.is_empty() {
                        (PreEscaped(format!(
                            "<polygon class=\"area\" points=\"0,{HEIGHT} {line} {WIDTH},{HEIGHT}\"></polygon>\
                             <polyline class=\"line\" points=\"{line}\"></polyline>"
                        )))
                    }
                }
                div.scale aria-hidden="true" { span { (self.since) " ago" } span { "most " (top) } span { "now" } }
            }
        }
    }
}

/// Returns the points of a line; of one value, a flat one.
fn points(values: &[f64], most: f64) -> String {
    let values = match values {
        [only] => &[*only, *only],
        values => values,
    };
    let Some(last) = values.len().checked_sub(1) else {
        return String::new();
    };
    let scale = if most > 0.0 {
        (HEIGHT - 4.0) / most
    } else {
        0.0
    };
    let points = values.iter().enumerate().map(|(at, value)| {
        let x = WIDTH * at as f64 / last as f64;
        format!("{x:.1},{:.1}", HEIGHT - value.max(0.0) * scale)
    });
    points.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_within_its_picture() {
        assert_eq!(points(&[], 0.0), "");
        assert_eq!(points(&[1.0], 1.0), "0.0,4.0 600.0,4.0");
        assert_eq!(points(&[0.0, 0.0], 0.0), "0.0,120.0 600.0,120.0");
        assert_eq!(
            points(&[0.0, 5.0, 10.0], 10.0),
            "0.0,120.0 300.0,62.0 600.0,4.0"
        );
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let chart = Chart {
            id: "rate",
            title: "Calls",
            values: &[1.0, 3.0, 2.0],
            since: "10 minutes".to_owned(),
            in_words: |value| format!("{value} a second"),
        };
        let html = chart.render().into_string();
        assert!(
            html.contains("now 2 a second, at most 3 a second in 10 minutes"),
            "{html}"
        );
        assert!(!html.contains("style="), "{html}");
    }
}
