using Nabi.Cli;

return await CommandLine.RunAsync(args, Screen.OfConsole());
