using System.Text;
using NexusBackupAgent.Access;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Cli;

/// <summary><c>nexus-backup hash-password [--token]</c>: makes what the configuration keeps of a password or a token.</summary>
internal static class HashPasswordCommand
{
    private const int ShortestPassword = 8;

    public static System.CommandLine.Command Create(CommandContext context)
    {
        var token = new System.CommandLine.Option<bool>("--token") { Description = context.Say("Make a new token for a program instead, and print it with its hash", "パスワードではなく、プログラム用の新しいトークンを作成し、ハッシュとともに出力する") };
        var command = new TaughtCommand(
            "hash-password",
            context.Say("Hash a password for users: in the configuration: asked for on a terminal, otherwise one line of the input. Nothing is stored.", "設定の users: に書くパスワードのハッシュを作る。端末では入力を求め、それ以外では標準入力の1行を使う。何も保存しない。"),
            new("nexus-backup hash-password", context.Say("asks twice, and shows nothing of it", "2回入力を求める（表示しない）")),
            new("nexus-backup hash-password < password.txt", context.Say("one line of a file", "ファイルの1行")),
            new("nexus-backup hash-password --token", context.Say("for tokens: and for metrics: {auth: {bearer: …}}", "tokens: と metrics: {auth: {bearer: …}} 用")))
        {
            token,
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(token))
            {
                var (text, hash) = TokenHash.New();
                context.Terminal.Output.WriteLine($"{text}\n{hash}");
                return (int)ExitCode.Done;
            }

            context.Terminal.Output.WriteLine(PasswordHash.Of(Read(context)).ToString());
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static string Read(CommandContext context)
    {
        string password;
        if (context.Input is { } input)
        {
            password = input.ReadLine() ?? throw Refused("the input is empty");
        }
        else
        {
            password = Ask(context, context.Say("Password: ", "パスワード: "));
            if (Ask(context, context.Say("Again: ", "もう一度: ")) != password)
                throw Refused("the two are not the same");
        }

        return password.Length switch
        {
            < ShortestPassword => throw Refused($"the password has less than {ShortestPassword} characters"),
            > PasswordHash.LongestPassword => throw Refused($"the password has more than {PasswordHash.LongestPassword} characters"),
            _ => password,
        };
    }

    /// <summary>What is typed is not shown.</summary>
    private static string Ask(CommandContext context, string question)
    {
        context.Terminal.Error.Write(question);
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key == ConsoleKey.Backspace)
                typed.Length = Math.Max(typed.Length - 1, 0);
            else if (!char.IsControl(key.KeyChar))
                typed.Append(key.KeyChar);
        }

        context.Terminal.Error.WriteLine();
        return typed.ToString();
    }

    private static BackupException Refused(string why) => new(FailureKind.Configuration, why, "run the command again; it hashes one line of its input, or asks on a terminal");
}
