//! A stand-in node put together: publisher, RPC, and the player that feeds them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use satscope_kit::config::ConfigError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::chain::Chain;
use crate::clock::PlayClock;
use crate::node::NodeState;
use crate::player::Player;
use crate::publisher::{Outlet, Publisher};
use crate::rpc::{self, Login};
use crate::settings::ListenSettings;

/// A stand-in node that is up; it goes down when the token that it was started with is cancelled.
pub struct Running {
    zmq_endpoint: String,
    rpc_address: SocketAddr,
    login: Arc<Login>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// The ZMQ endpoint at which it publishes, such as `tcp://127.0.0.1:28332`.
    pub fn zmq_endpoint(&self) -> &str {
        &self.zmq_endpoint
    }

    /// The URL at which it answers JSON-RPC, such as `http://127.0.0.1:8332`.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.rpc_address)
    }

    /// The cookie file to log in with, if there is one.
    pub fn rpc_cookie_file(&self) -> Option<&Path> {
        match &*self.login {
            Login::Cookie { file, .. } => Some(file),
            _ => None,
        }
    }

    /// User and password separated by a colon; `None` if no login is asked for.
    pub fn rpc_login(&self) -> Option<&str> {
        self.login.user_and_password()
    }

    /// Waits until the stand-in is down.
    ///
    /// # Errors
    /// The fault that brought it down early.
    pub async fn wait(self) -> anyhow::Result<()> {
        self.task.await?
    }
}

/// The bound sockets, so that nothing else can fail because of a taken port.
pub(crate) struct Sockets {
    publisher: Publisher,
    outlet: Outlet,
    listener: TcpListener,
    rpc_address: SocketAddr,
    login: Arc<Login>,
    high_water_mark: i32,
    rest: bool,
}

impl Sockets {
    /// Binds ZMQ and RPC, and sets up the login.
    ///
    /// # Errors
    /// A taken address, or settings that do not go together; the error names the setting.
    pub(crate) async fn bind(settings: &ListenSettings) -> anyhow::Result<Sockets> {
        let listener = rpc::bind(settings.standin_rpc_listen).await?;
        let rpc_address = listener.local_addr()?;
        // At most `i32::MAX`.
        let high_water_mark = settings.standin_zmq_hwm.cast_signed();
        let (publisher, outlet) = Publisher::start(&settings.standin_zmq_listen, high_water_mark)?;
        let login = Login::from_settings(settings, rpc_address);
        let login = Arc::new(login.map_err(|error| ConfigError::unusable(&error))?);
        Ok(Sockets {
            publisher,
            outlet,
            listener,
            rpc_address,
            login,
            high_water_mark,
            rest: settings.standin_rest,
        })
    }

    /// Starts to answer from `chain`, and to run `play` with a player; `clock` is the stand-in's.
    pub(crate) fn start<P, F>(
        self,
        chain: Chain,
        clock: PlayClock,
        simulated: bool,
        shutdown: CancellationToken,
        play: P,
    ) -> Running
    where
        P: FnOnce(Player, watch::Receiver<bool>) -> F,
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let endpoint = self.publisher.endpoint.clone();
        let node = Arc::new(NodeState::new(
            chain,
            clock.now(),
            simulated,
            &endpoint,
            self.high_water_mark,
        ));
        let end = shutdown.child_token();
        let rpc = rpc::serve(
            self.listener,
            Arc::clone(&node),
            Arc::clone(&self.login),
            self.rest,
            end.clone(),
        );
        let player = Player::new(node, self.outlet, clock, simulated, end.clone());
        let playing = play(player, self.publisher.rawtx_subscribed.clone());
        let login = Arc::clone(&self.login);
        let publisher = self.publisher;
        let task = tokio::spawn(async move {
            let rpc = tokio::spawn(rpc);
            let played = playing.await;
            end.cancel();
            let answered = rpc.await?;
            login.clear();
            let published = publisher.join().await;
            played.and(published).and(answered)
        });
        tracing::info!(zmq = %endpoint, rpc = %self.rpc_address, "stand-in node is up");
        Running {
            zmq_endpoint: endpoint,
            rpc_address: self.rpc_address,
            login: self.login,
            task,
        }
    }
}
