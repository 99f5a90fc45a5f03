//! Whether ingest would find all that it needs: a look at the node and at the journal's folder that changes nothing.
//!
//! The rules are ingest's own: [`node`] chooses the node, [`crate::source::topics`] judges where it publishes,
//! [`crate::source::fault`] says what an RPC error means. This module asks once, and words what was found.

mod answers;
mod ask;
mod files;
mod finding;
mod room;
mod topics;

use std::path::PathBuf;

use satscope_bitcoin::{discovery::ZmqPublisher, rpc::Rpc};

use crate::{
    IngestSettings,
    node::{self, Choice, Files},
};
use answers::{BLOCKS, CHAIN, MEMPOOL, METHODS, RPC};
use ask::{Answers, Failure};
use files::LOGIN;
pub use finding::{Finding, State};
use topics::TOPICS;

/// The findings, and the node that they are about.
#[derive(Debug)]
pub struct Checked {
    /// In the order in which they are to be mended.
    pub findings: Vec<Finding>,
    /// The node's chain, as the node or else its files name it; `None` if neither does.
    pub chain: Option<String>,
    /// The folder of the node's block files, as its files say; `None` if they are not found, or not used.
    pub blocks_dir: Option<PathBuf>,
}

/// The findings with these settings. Takes at most about 25 s.
pub async fn check(settings: &IngestSettings) -> Checked {
    let choice = node::choose(settings);
    let mut chain = None;
    let mut findings = match &choice {
        Err(error) => {
            let see = files::culprit(error);
            let mut findings = vec![files::files(&choice), files::login(settings, &choice, None)];
            findings.extend(blocked([RPC, CHAIN, MEMPOOL, TOPICS, METHODS, BLOCKS], see));
            findings
        }
        Ok(chosen) => match &chosen.rpc {
            Some(rpc) => {
                let answered = Answers::of(rpc).await;
                chain = answered.as_ref().ok().and_then(Answers::chain_name);
                asked(settings, &choice, chosen, rpc, &answered).await
            }
            None => without_rpc(settings, &choice, chosen).await,
        },
    };
    findings.push(room::journal(settings));
    let files = match choice.as_ref().map(|choice| &choice.files) {
        Ok(Files::Used(node)) => Some(node),
        _ => None,
    };
    Checked {
        findings,
        chain: chain.or_else(|| Some(files?.chain.name().to_owned())),
        blocks_dir: files.map(|node| node.blocks_dir.clone()),
    }
}

/// The findings about a node with RPC.
async fn asked(
    settings: &IngestSettings,
    choice: &anyhow::Result<Choice>,
    chosen: &Choice,
    rpc: &Rpc,
    answered: &Result<Answers, Failure>,
) -> Vec<Finding> {
    let endpoints = settings.endpoints(rpc.host());
    let failure = answered.as_ref().err();
    let mut findings = vec![
        files::files(choice),
        files::login(settings, choice, failure),
    ];
    match answered {
        Err(failure) => {
            let see = match failure.is_of_login() {
                true => LOGIN,
                false => RPC,
            };
            findings.push(match see {
                LOGIN => Finding::unknown(RPC, format!("{}: see {LOGIN}", rpc.url())),
                _ => answers::no_answer(chosen, failure, rpc.url()),
            });
            findings.extend(blocked([CHAIN, MEMPOOL], see));
            findings.push(topics::unlisted(&endpoints, lines(chosen)).await);
            findings.extend(blocked([METHODS, BLOCKS], see));
        }
        Ok(answers) => {
            findings.extend([
                answers::rpc(answers, rpc.url()),
                answers::chain(answers),
                answers::mempool(answers),
                topics::published(&endpoints, &answers.published, lines(chosen)).await,
            ]);
            let published = answers.published.as_ref().ok();
            findings.extend(published.and_then(|published| topics::queues(published)));
            findings.extend([answers::methods(answers), answers::blocks(answers)]);
        }
    }
    findings
}

/// The findings about a node without RPC, which can only be heard.
async fn without_rpc(
    settings: &IngestSettings,
    choice: &anyhow::Result<Choice>,
    chosen: &Choice,
) -> Vec<Finding> {
    let mut findings = vec![files::files(choice), files::login(settings, choice, None)];
    findings.push(Finding::warning(
        RPC,
        "none is set, so that the window begins empty and gaps stay",
        "set rpc_url, and rpc_cookie_file or rpc_user and rpc_password_file",
    ));
    findings.extend(blocked([CHAIN, MEMPOOL], RPC));
    findings.push(topics::unlisted(&settings.endpoints(None), lines(chosen)).await);
    findings.extend(blocked([METHODS, BLOCKS], RPC));
    findings
}

/// Findings that are unknown until the one named `see` is mended.
fn blocked<const COUNT: usize>(
    names: [&'static str; COUNT],
    see: &'static str,
) -> impl Iterator<Item = Finding> {
    names
        .into_iter()
        .map(move |name| Finding::unknown(name, format!("see {see}")))
}

/// The topics that the node publishes by its files.
fn lines(choice: &Choice) -> &[ZmqPublisher] {
    match &choice.files {
        Files::Used(node) => &node.zmq,
        Files::NotWanted | Files::Missing(_) | Files::Unused(_) => &[],
    }
}
