//! What is risky about a program and its arguments, from their words alone.
//!
//! Not the approval of commands. Invariant: nothing is started and nothing is looked up.

/// What a person should know before starting this, one sentence each.
pub fn risks(command: &str, args: &[&str]) -> Vec<String> {
    let mut risks = Vec::new();
    let program = base_name(command);
    let flag = |names: &[&str]| {
        args.iter().any(|arg| {
            names.iter().any(|name| {
                *arg == *name
                    || arg
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with('='))
            })
        })
    };
    if is_shell(&program) {
        risks.push(if args.iter().any(|arg| is_shell_code(arg)) {
            format!("{program} runs a line of shell code: name the program itself")
        } else {
            format!("{program} is a shell: name the program itself")
        });
    }
    let inline: &[&str] = match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => &["-c"],
        "node" | "nodejs" | "bun" => &["-e", "--eval", "-p", "--print"],
        "ruby" | "lua" => &["-e"],
        "perl" => &["-e", "-E"],
        "php" => &["-r"],
        "npx" | "npm" | "pnpm" | "bunx" => &["-c", "--call"],
        _ => &[],
    };
    if flag(inline) || (program == "deno" && args.first() == Some(&"eval")) {
        risks.push(format!("{program} is given code to run in its arguments"));
    }
    if matches!(
        program.as_str(),
        "npx" | "npm" | "pnpm" | "bunx" | "uvx" | "uv" | "pipx" | "yarn"
    ) && args.iter().any(|arg| is_remote_source(arg))
    {
        risks.push(format!(
            "{program} fetches code from a repository or an address instead of a registry"
        ));
    }
    if matches!(
        program.as_str(),
        "curl" | "wget" | "sudo" | "su" | "doas" | "env" | "xargs" | "eval"
    ) {
        risks.push(format!(
            "{program} is not a server: name the program itself"
        ));
    }
    if matches!(program.as_str(), "docker" | "podman") && flag(&["--privileged"]) {
        risks.push(format!(
            "{program} gives the container all rights over this machine"
        ));
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

fn is_remote_source(arg: &str) -> bool {
    [
        "git+",
        "git://",
        "http://",
        "https://",
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
        risks(words[0], &words[1..])
    }

    #[test]
    fn code_in_arguments_and_shells_are_named() {
        for line in [
            "sh -c x",
            "/bin/bash -lc x",
            "bash",
            "cmd.exe /c x",
            "pwsh -Command x",
            "npx -c x",
            "npx --call=x",
            "node -e x",
            "node --eval=x",
            "python3.12 -c x",
            "python -c x",
            "uvx --from git+https://a/b tool",
            "npx github:a/b",
            "uvx --from=git+ssh://a b",
            "deno eval x",
            "ruby -e x",
            "sudo x",
            "docker run --privileged x",
        ] {
            assert_eq!(all(line).len(), 1, "{line}: {:?}", all(line));
        }
        for line in [
            "npx -y @modelcontextprotocol/server-memory",
            "uvx mcp-server-git",
            "node server.js -c",
            "python -m server",
            "docker run -i --rm x",
            "/opt/server --config=c",
            "uv run server",
        ] {
            assert_eq!(all(line), Vec::<String>::new(), "{line}");
        }
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
