//! Man pages from the command definitions and the tables of findings.

mod concepts;
mod json;
mod repository;

use crate::cli::exit::Exit;
use crate::cli::views::hint;
use anyhow::Context;
use clap::Args;
use std::fs;
use std::path::PathBuf;
use zoovault::analysis::finding::Code;

/// Write the man pages into a directory.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Where to write the pages
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Writes a page for the program, one for each of its commands, and those of section 7.
pub fn run(args: &ManArgs, mut command: clap::Command) -> anyhow::Result<Exit> {
    command.build();
    write_page(args, command.clone(), "zoovault")?;
    for sub in command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let name = format!("zoovault-{}", sub.get_name());
        write_page(
            args,
            sub.clone()
                .name(name.clone())
                .bin_name(name.replacen('-', " ", 1)),
            &name,
        )?;
    }
    write_file(args, "zoovault-concepts.7", &concepts::page())?;
    write_file(args, "zoovault-findings.7", &findings_page())?;
    write_file(args, "zoovault-json.7", &json::page())?;
    write_file(args, "zoovault-repository.7", &repository::page())?;
    write_file(args, "zoovault-check-findings.7", &check_findings_page())?;
    Ok(Exit::Done)
}

/// The page that lists every code of `verify`.
fn findings_page() -> Vec<u8> {
    let mut page = String::from(
        ".TH ZOOVAULT\\-FINDINGS 7 \"\" \"zoovault\" \"\"\n.SH NAME\nzoovault\\-findings \\- what zoovault verify finds, and what to do\n.SH DESCRIPTION\n",
    );
    page.push_str(&roff(
        "Every finding of zoovault verify has a code, which never changes, and a severity: info (good to know), warning (status 3), \
         missing (status 5: transactions that the last point needs are not there), damage (status 4). Where a code has two, the finding says which.",
    ));
    page.extend(Code::of_source().map(code_section));
    page.push_str(
        ".SH \"SEE ALSO\"\nzoovault\\-verify(1), zoovault\\-explain(1), zoovault\\-concepts(7)\n",
    );
    page.into_bytes()
}

/// The page that lists every code of `check`.
fn check_findings_page() -> Vec<u8> {
    let mut page = String::from(
        ".TH ZOOVAULT\\-CHECK\\-FINDINGS 7 \"\" \"zoovault\" \"\"\n.SH NAME\nzoovault\\-check\\-findings \\- what zoovault check finds in a repository, and what to do\n.SH DESCRIPTION\n",
    );
    page.push_str(&roff(
        "Every finding of zoovault check has a code, which never changes, and a severity: info (good to know), warning (status 3), \
         damage (status 4). Where a code has two, the finding says which.",
    ));
    page.extend(Code::of_repository().map(code_section));
    page.push_str(".SH \"SEE ALSO\"\nzoovault\\-check(1), zoovault\\-backups(1)\n");
    page.into_bytes()
}

/// The section about one code: its name, its meaning, what servers make of it, and the next step.
fn code_section(code: Code) -> String {
    let severities = code.severities().iter().map(|severity| severity.name());
    let servers = code.server();
    let servers = servers.map(|server| format!(".PP\n\\fIServers\\fR: {}", roff(server)));
    format!(
        ".SH \"{}\"\nSeverity: {}\n.PP\n{}{}.PP\n\\fINext\\fR: {}",
        code.name().replace('-', "\\-"),
        severities.collect::<Vec<_>>().join(" or "),
        roff(code.meaning()),
        servers.unwrap_or_default(),
        roff(&format!("{}.", hint::words(&code.next()))),
    )
}

/// A line of text for the man macros.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let guard = if text.starts_with(['.', '\'']) {
        "\\&"
    } else {
        ""
    };
    format!("{guard}{text}\n")
}

/// A paragraph under a name.
fn item(page: &mut String, name: &str, text: &str) {
    page.push_str(&format!(
        ".TP\n\\fB{}\\fR\n{}",
        roff(name).trim_end(),
        roff(text)
    ));
}

fn paragraph(page: &mut String, text: &str) {
    page.push_str(&format!(".PP\n{}", roff(text)));
}

fn example(page: &mut String, lines: &str) {
    page.push_str(".PP\n.nf\n");
    for line in lines.lines() {
        page.push_str(&roff(&format!("  {line}")));
    }
    page.push_str(".fi\n");
}

fn write_page(args: &ManArgs, command: clap::Command, name: &str) -> anyhow::Result<()> {
    let mut page = Vec::new();
    // Without a date, the page is the same whenever it is made.
    clap_mangen::Man::new(command)
        .title(name.to_uppercase())
        .date("")
        .render(&mut page)?;
    write_file(args, &format!("{name}.1"), &page)
}

fn write_file(args: &ManArgs, name: &str, page: &[u8]) -> anyhow::Result<()> {
    let path = args.dir.join(name);
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}
