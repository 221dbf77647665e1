//! The messages that an app asks to send: what nobody could grant, and what an owner should
//! think about first.

use syft_protocol::grant::PathPattern;

use super::check::Problem;

/// The most patterns of a manifest.
pub(super) const MAX_PATTERNS: usize = 64;

/// Checks a pattern of endpoints.
pub(super) fn check_target(text: &str) -> Result<PathPattern, Problem> {
    let help = "patterns look like `*/app_data/pingpong/rpc/**`, or \
                `{datasite}/app_data/counter/rpc/add` for an app of the owner";
    let pattern =
        PathPattern::parse(text).map_err(|error| Problem::new(error.to_string(), help))?;
    if Target::of(&pattern).is_endpoint() {
        return Ok(pattern);
    }
    let message = "this stands for no endpoint of an app: these are below its folder `rpc`";
    Err(Problem::new(message, help))
}

pub(super) fn check_number(count: usize) -> Result<(), Problem> {
    if count <= MAX_PATTERNS {
        return Ok(());
    }
    let message = format!("`send` has {count} patterns; at most {MAX_PATTERNS} are allowed");
    Err(Problem::new(
        message,
        "name all endpoints of an app as `*/app_data/pingpong/rpc/**`",
    ))
}

/// Returns what an owner should know before granting a pattern.
pub(super) fn warning(pattern: &PathPattern) -> Option<Problem> {
    Target::of(pattern).is_any_app().then(|| {
        Problem::new(
            "this asks to send requests to any app, in the name of the owner",
            "name the app, as in `*/app_data/pingpong/rpc/**`",
        )
    })
}

/// A pattern as names, with `{app_data}` spelled out.
struct Target<'a>(Vec<&'a str>);

impl<'a> Target<'a> {
    fn of(pattern: &'a PathPattern) -> Self {
        let names = pattern.as_str().split('/').flat_map(|name| match name {
            "{app_data}" => vec!["{datasite}", "app_data", "{app}"],
            name => vec![name],
        });
        Self(names.collect())
    }

    fn name(&self, index: usize) -> &'a str {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn is_endpoint(&self) -> bool {
        if self.name(0) == "**" {
            return true;
        }
        let is_in_app_data = ["app_data", "*", "**"].contains(&self.name(1));
        let has_rpc = self.0.iter().skip(3).any(|name| *name == "rpc");
        is_in_app_data && (has_rpc || self.0[1..].contains(&"**"))
    }

    fn is_any_app(&self) -> bool {
        let is_open = |name: &str| name.contains(['*', '?']);
        self.name(0) == "**" || self.name(1) == "**" || is_open(self.name(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_for_endpoints() {
        for (text, expected) in [
            ("*/app_data/pingpong/rpc/**", Ok(false)),
            ("bob@example.org/app_data/llm/x/rpc/ask", Ok(false)),
            ("{datasite}/app_data/counter/rpc", Ok(false)),
            ("{app_data}/rpc/*", Ok(false)),
            ("*/app_data/pingpong/**", Ok(false)),
            ("**", Ok(true)),
            ("**/rpc/ping", Ok(true)),
            ("*/**", Ok(true)),
            ("*/app_data/*/rpc/**", Ok(true)),
            ("*/app_data/ping?/rpc/**", Ok(true)),
            ("*/app_data/pingpong", Err("no endpoint")),
            ("*/app_data/rpc/ping", Err("no endpoint")),
            ("*/public/**", Err("no endpoint")),
            ("{datasite}", Err("no endpoint")),
            ("syft://*/app_data/x/rpc/**", Err("single slashes")),
        ] {
            let is_wide = check_target(text).map(|pattern| warning(&pattern).is_some());
            match (&is_wide, expected) {
                (Ok(is_wide), Ok(expected)) => assert_eq!(*is_wide, expected, "{text}"),
                (Err(problem), Err(part)) => {
                    assert!(problem.message.contains(part), "{text}: {problem:?}");
                }
                _ => panic!("{text}: {is_wide:?}"),
            }
        }
    }
}
