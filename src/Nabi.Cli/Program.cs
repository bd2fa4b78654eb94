Console.Error.WriteLine("nabi: no commands yet.");
return 2;
