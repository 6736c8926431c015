//! The house rules: floors, lengths, names, and what the library must not use.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may, and its helpers are outside of #[test]"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use zoovault::analysis::finding::Code;

/// One file below `src`.
struct Source {
    /// From `src` on.
    path: PathBuf,
    text: String,
}

impl Source {
    /// The module of the library that it belongs to; none for the program's own files.
    fn module(&self) -> Option<String> {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        (!["main", "cli", "lib"].contains(&module)).then(|| module.to_owned())
    }

    fn is_program(&self) -> bool {
        self.path == Path::new("main.rs") || self.path.starts_with("cli")
    }

    fn is_tests(&self) -> bool {
        self.path.to_str().unwrap().ends_with("tests.rs")
    }

    /// What stands before its tests.
    fn without_tests(&self) -> &str {
        if self.is_tests() {
            return "";
        }
        self.text.split("#[cfg(test)]\nmod tests").next().unwrap()
    }

    /// That, with comments, strings and characters blanked out. Lines stay lines.
    fn code(&self) -> String {
        blanked(self.without_tests())
    }
}

fn sources() -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Source {
                    path: path.strip_prefix(root).unwrap().into(),
                    text,
                });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 20);
    found
}

/// `text` with spaces for what is in comments, strings and characters.
fn blanked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            'r' if rest.starts_with("r#\"") => {
                rest[3..].find("\"#").map_or(rest.len(), |at| at + 5)
            }
            '"' => length_of_quoted(rest, '"'),
            // A character, and not a lifetime.
            '\'' if rest[1..].starts_with('\\') => length_of_quoted(rest, '\''),
            '\'' if rest.chars().nth(2) == Some('\'') => {
                rest.chars().take(3).map(char::len_utf8).sum()
            }
            _ => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        out.extend(
            rest[..len]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[len..];
    }
    out
}

fn length_of_quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words that follow `prefix` in `code`, each with its line.
fn words_after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    code.lines().enumerate().flat_map(move |(number, line)| {
        line.match_indices(prefix).filter_map(move |(at, _)| {
            let is_whole = !line[..at].ends_with(is_word);
            let rest = &line[at + prefix.len()..];
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            is_whole.then_some((number + 1, &rest[..end]))
        })
    })
}

/// The floor of each folder: `src/lib.rs` lists them from the ground up, a blank line between floors.
fn floors() -> BTreeMap<String, usize> {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let lib = std::fs::read_to_string(lib).unwrap();
    let mut floors = BTreeMap::new();
    for (floor, part) in lib.split("\n\n").enumerate() {
        for line in part.lines() {
            if let Some(module) = line.strip_prefix("pub mod ") {
                floors.insert(module.trim_end_matches(';').to_owned(), floor);
            }
        }
    }
    floors
}

#[test]
fn a_folder_uses_only_folders_of_lower_floors() {
    let floors = floors();
    assert!(floors.len() > 10, "{floors:?}");
    let ground = floors.values().min();
    let mut broken = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else {
            continue;
        };
        let Some(own) = floors.get(&module) else {
            broken.push(format!("{}: not declared in lib.rs", source.path.display()));
            continue;
        };
        for (line, used) in words_after(&blanked(&source.text), "crate::") {
            // Those that every floor uses may use each other.
            let is_lower = floors
                .get(used)
                .is_some_and(|floor| floor < own || Some(floor) == ground);
            if used != module && !is_lower {
                broken.push(format!("{}:{line}: {used}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The module path of a file: `a/b/mod.rs` and `a/b.rs` are both `a::b`.
fn module_path(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// The paths that begin with `crate`, `super` or `self` in `code`, those in braces too.
fn paths_in(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for root in ["crate", "super", "self"] {
        for (at, _) in code.match_indices(root) {
            let is_whole = !code[..at].ends_with(|c| is_word(c) || c == ':');
            if is_whole && code[at + root.len()..].starts_with("::") {
                collect_paths(&code[at..], Vec::new(), &mut paths);
            }
        }
    }
    paths
}

/// Reads one path, and all that its braces hold; gives what is behind it.
fn collect_paths<'a>(
    text: &'a str,
    mut prefix: Vec<String>,
    paths: &mut Vec<Vec<String>>,
) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                rest = collect_paths(rest, prefix.clone(), paths).trim_start();
                match rest.strip_prefix(',') {
                    Some(behind) => rest = behind,
                    None => return rest.strip_prefix('}').unwrap_or(rest),
                }
            }
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        prefix.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    paths.push(prefix);
    // `use a::b as c`
    rest.trim_start()
        .strip_prefix("as ")
        .map_or(rest, |name| name.trim_start_matches(is_word))
}

/// Which files each file imports from. What a folder's `mod.rs` takes of its own files is no import:
/// they are its parts.
fn imports() -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let all = sources();
    let files: BTreeSet<Vec<String>> = all.iter().map(|source| module_path(&source.path)).collect();
    let mut imports = BTreeMap::new();
    for source in all
        .iter()
        .filter(|source| source.path.components().count() > 1)
    {
        let own = module_path(&source.path);
        let mut used = BTreeSet::new();
        for path in paths_in(&source.code()) {
            let ups = path.iter().filter(|part| *part == "super").count();
            let names = path
                .iter()
                .filter(|part| !["crate", "super", "self"].contains(&part.as_str()));
            let mut target = match path.first().map(String::as_str) {
                Some("crate") => Vec::new(),
                _ => own[..own.len().saturating_sub(ups)].to_vec(),
            };
            target.extend(names.cloned());
            while !target.is_empty() && !files.contains(&target) {
                target.pop();
            }
            if !target.is_empty() && target != own && !(target.starts_with(&own)) {
                used.insert(target);
            }
        }
        imports.insert(own, used);
    }
    imports
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut imports = imports();
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 500);
    // A file that imports nothing that is left is in no circle.
    loop {
        let left: BTreeSet<_> = imports.keys().cloned().collect();
        imports.retain(|_, used| used.iter().any(|one| left.contains(one)));
        if imports.len() == left.len() {
            break;
        }
    }
    assert!(
        imports.is_empty(),
        "in or above a circle: {:#?}",
        imports.keys()
    );
}

#[test]
fn paths_are_found_in_code() {
    let code = "use crate::a::{b::{self, C as D}, e}; x(super::f::g(), mycrate::h)";
    let found = paths_in(code).into_iter().map(|path| path.join("::"));
    let expected = [
        "crate::a::b::self",
        "crate::a::b::C",
        "crate::a::e",
        "super::f::g",
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn comments_are_at_most_100_columns_wide() {
    let mut broken = Vec::new();
    for source in sources() {
        let mut is_verbatim = false;
        for (number, line) in source.text.lines().enumerate() {
            let Some(comment) = line.trim_start().strip_prefix("//") else {
                continue;
            };
            let comment = comment.trim_start_matches(['/', '!']).trim_start();
            is_verbatim ^= comment.starts_with("```");
            // A row of a table cannot be broken.
            let may_be_wide = is_verbatim || comment.starts_with('|');
            if !may_be_wide && line.chars().count() > 100 {
                broken.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_command_line_is_declared_in_the_program_only() {
    for source in sources() {
        let declares = words_after(&source.code(), "mod ").any(|(_, module)| module == "cli");
        let is_main = source.path == Path::new("main.rs");
        assert!(!declares || is_main, "{}", source.path.display());
    }
}

#[test]
fn the_library_neither_prints_nor_exits_nor_reads_the_environment() {
    const FORBIDDEN: [&str; 12] = [
        "anyhow",
        "clap",
        "clap_complete",
        "clap_mangen",
        "indicatif",
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "process::exit",
        "env::var",
    ];
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_program()) {
        for (number, line) in source.code().lines().enumerate() {
            for forbidden in FORBIDDEN {
                let stands = |(at, _): (usize, &str)| {
                    let behind = &line[at + forbidden.len()..];
                    !line[..at].ends_with(is_word)
                        // Also `env::vars` and `env::var_os`.
                        && (forbidden == "env::var" || !behind.starts_with(is_word))
                };
                if line.match_indices(forbidden).any(stands) {
                    broken.push(format!(
                        "{}:{}: {forbidden}",
                        source.path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_is_longer_than_600_lines_without_its_tests() {
    for source in sources() {
        let lines = source.without_tests().lines().count();
        assert!(lines <= 600, "{}: {lines} lines", source.path.display());
    }
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut broken = Vec::new();
    for source in sources() {
        let code = source.code();
        let lines: Vec<&str> = code.lines().collect();
        for (first, name) in words_after(&code, "fn ").filter(|(_, name)| !name.is_empty()) {
            let mut depth = 0i32;
            let mut is_open = false;
            let mut brackets = 0i32;
            let mut len = 0;
            'body: for line in &lines[first - 1..] {
                len += 1;
                for c in line.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        '[' | '(' => brackets += 1,
                        ']' | ')' => brackets -= 1,
                        // A function of a trait has no body.
                        ';' if !is_open && brackets == 0 => break 'body,
                        _ => {}
                    }
                    is_open |= depth > 0;
                    if is_open && depth == 0 {
                        break 'body;
                    }
                }
            }
            if len > 70 {
                broken.push(format!(
                    "{}:{first}: {name}: {len} lines",
                    source.path.display()
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_has_a_name_that_fits_anything() {
    for source in sources() {
        for part in &source.path {
            let part = part.to_str().unwrap().trim_end_matches(".rs");
            let is_vague =
                ["util", "utils", "common", "helpers", "types", "manager"].contains(&part);
            assert!(!is_vague, "{}", source.path.display());
        }
    }
}

#[test]
fn exceptions_to_lints_are_made_one_by_one() {
    for source in sources() {
        let is_sweeping = blanked(&source.text).contains("#![allow(");
        assert!(!is_sweeping, "{}", source.path.display());
    }
}

/// The strings in `text`, each with its line; not those in comments.
fn strings(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let len = length_of_quoted(rest, '"');
                found.push((line, rest[..len].to_owned()));
                len
            }
            '\'' if rest.starts_with("'\\''") => 4,
            '\'' if rest.starts_with("'\"'") => 3,
            _ => first.len_utf8(),
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    found
}

/// Whether `text` names an option as the program has it: `--json`.
fn names_an_option(text: &str) -> bool {
    text.match_indices("--").any(|(at, _)| {
        let is_begin = !text[..at].ends_with(['-', '<', '!']);
        is_begin && text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
    })
}

#[test]
fn the_library_does_not_know_the_options_of_the_program() {
    let mut broken = Vec::new();
    for source in sources() {
        // What to do about a server's message is advice to people, with the commands to type.
        let is_advice = source.path.starts_with("server/messages/table");
        if source.module().is_none() || source.path.starts_with("cli") || is_advice {
            continue;
        }
        for (line, text) in strings(source.without_tests()) {
            if names_an_option(&text) {
                broken.push(format!("{}:{line}: {text}", source.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(names_an_option("use '--to latest'") && !names_an_option("<!--x a -- b"));
}

#[test]
fn every_code_of_a_finding_is_found_by_what_it_is_for() {
    for (folder, codes) in [
        ("analysis/verify", Code::of_source().collect::<Vec<_>>()),
        ("backup/check", Code::of_repository().collect()),
    ] {
        let names: Vec<&str> = codes.iter().map(|code| code.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let in_folder = |source: &&Source| source.path.starts_with(folder);
        let texts: Vec<String> = sources()
            .iter()
            .filter(in_folder)
            .map(|source| blanked(source.without_tests()))
            .collect();
        for code in codes {
            let name = format!("{code:?}");
            let is_used = |text: &String| {
                let mut words = words_after(text, "Code::");
                words.any(|(_, word)| word == name)
            };
            assert!(texts.iter().any(is_used), "{folder}: {name} is never found");
        }
    }
}

#[test]
fn code_is_told_from_what_is_written_in_it() {
    let text =
        "let a = \"{ // \\\" }\"; // {\nlet b: &'a str = '{'; /* { */ let c = '\\'';\nr#\"{\"#";
    let code = blanked(text);
    assert!(!code.contains('{') && !code.contains('}'), "{code}");
    assert_eq!(code.lines().count(), 3);
    assert!(code.contains("&'a str ="));
    assert_eq!(
        words_after("use crate::one::Two; mycrate::x", "crate::").count(),
        1
    );
}
