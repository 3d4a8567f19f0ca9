//! What is risky about a command, from its words alone: what `core-agent validate` warns of, and
//! what a person who approves the command is told.
//!
//! Not the approval. Invariant: nothing is started and nothing is looked up.

/// Programs that run others, or fetch them.
const NOT_SERVERS: &[&str] = &[
    "curl",
    "doas",
    "env",
    "eval",
    "nice",
    "nohup",
    "osascript",
    "script",
    "setsid",
    "ssh",
    "su",
    "sudo",
    "timeout",
    "wget",
    "xargs",
];
/// Programs that fetch what they run.
const LAUNCHERS: &[&str] = &[
    "bunx", "cargo", "deno", "go", "npm", "npx", "pip", "pipx", "pnpm", "pnpx", "uv", "uvx", "yarn",
];
/// Options that name another place to fetch from.
const REGISTRIES: &[&str] = &[
    "--extra-index-url",
    "--find-links",
    "--index",
    "--index-url",
    "--registry",
];
/// Words before the program that is meant.
const SUBCOMMANDS: &[&str] = &[
    "create", "dlx", "exec", "i", "init", "install", "run", "tool", "x",
];
/// Options of interpreters and launchers that take no value.
const ALONE: &[&str] = &["-q", "--quiet", "-u", "-y", "--yes"];
/// Variables that decide which code a program runs.
const STEERING: &[&str] = &[
    "BASH_ENV",
    "DYLD_INSERT_LIBRARIES",
    "ENV",
    "JAVA_TOOL_OPTIONS",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PATH",
    "PERL5OPT",
    "PIP_INDEX_URL",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYOPT",
    "UV_INDEX_URL",
];

/// What a person should know before starting this with these variables set, one sentence each.
pub fn risks<'a>(
    command: &str,
    args: &[&str],
    variables: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut risks = Vec::new();
    let program = base_name(command);
    let kind = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let own = own_words(kind, args);
    if is_shell(&program) {
        risks.push(if args.iter().any(|arg| is_shell_code(arg)) {
            format!("{program} runs a line of shell code: name the program itself")
        } else {
            format!("{program} is a shell: name the program itself")
        });
    }
    let inline: &[&str] = match kind {
        "python" | "pythonw" | "pypy" => &["-c"],
        "node" | "nodejs" | "bun" | "deno" | "ruby" | "perl" | "lua" => &[
            "-e",
            "--eval",
            "-p",
            "--print",
            "eval",
            "-r",
            "--require",
            "--import",
        ],
        "php" => &["-r"],
        "npx" | "npm" | "pnpm" | "pnpx" | "yarn" | "bunx" => &["-c", "--call", "--shell-mode"],
        _ => &[],
    };
    if has(own, inline) || (kind == "perl" && has(own, &["-E"])) {
        risks.push(format!("{program} is given code to run in its arguments"));
    }
    if NOT_SERVERS.contains(&program.as_str()) {
        risks.push(format!(
            "{program} starts something else, or fetches it: name the program itself"
        ));
    }
    if LAUNCHERS.contains(&program.as_str()) {
        if let Some(source) = own.iter().find(|arg| is_remote_source(arg)) {
            risks.push(format!(
                "{program} runs code from {source}, which is no registry's package"
            ));
        }
        if has(own, REGISTRIES) {
            risks.push(format!("{program} is told another registry"));
        }
    }
    if matches!(program.as_str(), "docker" | "podman") && is_given_machine(args) {
        risks.push(format!("{program} gives the container this machine"));
    }
    for name in variables {
        if STEERING.contains(&name) || name.to_ascii_lowercase().starts_with("npm_config_") {
            risks.push(format!("the variable {name} decides which code runs"));
        }
    }
    risks
}

/// The package a runner fetches in whatever version is newest, if it does.
pub fn unpinned(command: &str, args: &[&str]) -> Option<String> {
    let program = base_name(command);
    let mut rest = args.iter().copied().peekable();
    if matches!(program.as_str(), "uv" | "pnpm" | "npm" | "yarn" | "pipx") {
        rest.next_if(|word| matches!(*word, "tool" | "x" | "exec" | "dlx" | "run"));
        rest.next_if(|word| *word == "run");
    } else if !matches!(program.as_str(), "npx" | "bunx" | "uvx") {
        return None;
    }
    let mut package = None;
    while let Some(word) = rest.next() {
        match word {
            "--from" | "-p" | "--package" => package = rest.next(),
            "--python" | "--with" | "--index-url" | "--registry" => {
                rest.next();
            }
            "--" => {}
            flag if flag.starts_with('-') => {}
            name => {
                package = package.or(Some(name));
                break;
            }
        }
    }
    let package = package?;
    let versioned = package.contains("==")
        || package
            .rfind('@')
            .is_some_and(|at| at > 0 && !package.ends_with("@latest"))
        || is_remote_source(package)
        || package.starts_with(['.', '/']);
    (!versioned).then(|| package.to_owned())
}

fn base_name(command: &str) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let name = name.to_ascii_lowercase();
    for ending in [".exe", ".cmd", ".bat"] {
        if let Some(name) = name.strip_suffix(ending) {
            return name.to_owned();
        }
    }
    name
}

fn is_shell(program: &str) -> bool {
    matches!(
        program,
        "sh" | "bash"
            | "zsh"
            | "dash"
            | "ksh"
            | "fish"
            | "ash"
            | "csh"
            | "tcsh"
            | "busybox"
            | "cmd"
            | "powershell"
            | "pwsh"
    )
}

fn is_shell_code(arg: &str) -> bool {
    // Flags of shells may stand together: `-lc`.
    let together = arg
        .strip_prefix('-')
        .is_some_and(|flags| !flags.starts_with('-') && flags.len() <= 4 && flags.ends_with('c'));
    together
        || matches!(
            arg.to_ascii_lowercase().as_str(),
            "/c" | "/k" | "-command" | "-encodedcommand" | "-enc"
        )
}

/// The words meant for this program itself: what follows the first plain word, a script or a
/// package, belongs to that.
fn own_words<'a>(kind: &str, args: &'a [&'a str]) -> &'a [&'a str] {
    let mut may_be_value = false;
    for (at, word) in args.iter().enumerate() {
        if kind == "npm" {
            // It takes its options wherever they stand.
            if *word == "--" {
                return args.get(..at).unwrap_or(args);
            }
        } else if kind.starts_with("python") && word.starts_with("-m") {
            let end = if *word == "-m" { at + 2 } else { at + 1 };
            return args.get(..end).unwrap_or(args);
        } else if word.starts_with('-') {
            may_be_value = *word != "--" && !word.contains('=') && !ALONE.contains(word);
        } else if may_be_value {
            may_be_value = false;
        } else if !(LAUNCHERS.contains(&kind) || kind == "bun") || !SUBCOMMANDS.contains(word) {
            return args.get(..=at).unwrap_or(args);
        }
    }
    args
}

/// Whether one of these options is among the words: by itself, with `=`, or a short one with its
/// value behind it.
fn has(words: &[&str], options: &[&str]) -> bool {
    words.iter().any(|word| {
        let name = word.split('=').next().unwrap_or(word);
        let short = |option: &&&str| option.len() == 2 && !word.starts_with("--");
        options.contains(&name)
            || options
                .iter()
                .filter(short)
                .any(|option| word.starts_with(option))
    })
}

fn is_given_machine(args: &[&str]) -> bool {
    let wide = ["--cap-add", "--device", "--pid", "--privileged", "--userns"];
    let mounted = |arg: &&str| {
        arg.starts_with("/:") || arg.contains("docker.sock") || arg.contains("source=/,")
    };
    has(args, &wide) || args.iter().any(mounted) || args.contains(&"--network=host")
}

fn is_remote_source(arg: &str) -> bool {
    let arg = arg.to_ascii_lowercase();
    [
        "git+",
        "git:",
        "http:",
        "https:",
        "github:",
        "gitlab:",
        "bitbucket:",
        "gist:",
        "git@",
        "ssh://",
    ]
    .iter()
    .any(|start| {
        arg.starts_with(start)
            || arg.contains(&format!("={start}"))
            || arg.contains(&format!("@ {start}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split(' ').collect();
        risks(words[0], &words[1..], [])
    }

    #[test]
    fn code_in_arguments_and_shells_are_named() {
        for line in [
            "sh -c x",
            "/bin/sh script",
            "/bin/bash -lc x",
            "bash",
            "cmd.exe /c x",
            "pwsh -Command x",
            "npx -c x",
            "npx --call=x",
            "npx -p package -c x",
            "npm exec package -c x",
            "node -e x",
            "node --eval=x",
            "node --inspect -r ./x.js server.js",
            "python3.12 -c x",
            "python3.12 -cx",
            "python -c x",
            "perl -E x",
            "uvx --from git+https://a/b tool",
            "npx github:a/b",
            "npx -y https://example.org/x.tgz",
            "uvx --from=git+ssh://a b",
            "uvx --index-url=simple x",
            "npm --registry x exec y",
            "deno eval x",
            "ruby -e x",
            "sudo x",
            "env x",
            "docker run --privileged x",
            "docker run -v /:/host x",
            "podman run --pid=host x",
        ] {
            assert_eq!(all(line).len(), 1, "{line}: {:?}", all(line));
        }
    }

    #[test]
    fn what_is_meant_for_the_server_is_its_own_business() {
        for line in [
            "npx -y @modelcontextprotocol/server-memory",
            "npx -y @modelcontextprotocol/server-filesystem /home/me -c x",
            "npx -y mcp-remote https://example.org/mcp",
            "npm exec package -- -c x",
            "uvx mcp-server-git",
            "uvx mcp-server-git --index x",
            "node server.js -c",
            "node /opt/server/index.js -p 3",
            "python -m server -c x",
            "python -mserver -c x",
            "python -u server.py -c x",
            "docker run -i --rm x",
            "/opt/server --config=c",
            "/usr/bin/my-server --url https://example.org",
            "uv run server -c x",
        ] {
            assert_eq!(all(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn variables_that_decide_which_code_runs_are_named() {
        let of = |names: &[&'static str]| risks("my-server", &[], names.iter().copied()).len();
        assert_eq!(of(&["LD_PRELOAD", "TOKEN", "npm_config_registry"]), 2);
        assert_eq!(of(&["API_PATH"]), 0);
    }

    #[test]
    fn packages_without_a_version_are_found() {
        let of = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            unpinned(words[0], &words[1..])
        };
        assert_eq!(of("npx -y @scope/server").as_deref(), Some("@scope/server"));
        assert_eq!(
            of("npx -y @scope/server@latest .").as_deref(),
            Some("@scope/server@latest")
        );
        assert_eq!(of("npx -y @scope/server@1.2.3 /tmp"), None);
        assert_eq!(
            of("uvx mcp-server-git --repository x").as_deref(),
            Some("mcp-server-git")
        );
        assert_eq!(of("uvx mcp-server-git==1.0"), None);
        assert_eq!(of("uvx --from a==1 b"), None);
        assert_eq!(of("uv tool run a").as_deref(), Some("a"));
        assert_eq!(of("node a"), None);
        assert_eq!(of("npx"), None);
    }
}
