// Starts `gmlang lsp` and connects it with VS Code.

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("gmlang").get("command");
  client = new LanguageClient(
    "gmlang",
    "gmlang",
    { command, args, transport: TransportKind.stdio },
    {
      documentSelector: [
        { scheme: "file", language: "gmlang" },
        { scheme: "untitled", language: "gmlang" },
      ],
      synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.gm") },
    },
  );
  try {
    await client.start();
  } catch (error) {
    const hint = "Install it with: pip install 'gmlang[lsp]', or set gmlang.command.";
    vscode.window.showErrorMessage(`\`${command}\` did not start: ${error.message}. ${hint}`);
  }
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("gmlang.restart", async () => {
      await deactivate();
      await start();
    }),
  );
  await start();
}

async function deactivate() {
  const running = client;
  client = undefined;
  if (running !== undefined && running.isRunning()) {
    await running.stop();
  }
}

module.exports = { activate, deactivate };
